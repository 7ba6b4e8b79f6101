package durable

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/perdure/perdure/protocol"
)

var (
	nowKind  = &kind{call: "durable.Now", typ: protocol.TypeStep, subType: subTypeNow}
	uuidKind = &kind{call: "durable.UUID"}
	randKind = &kind{call: "durable.Rand"}
)

// Now is the time at which the code first came to this place: it is recorded, as a step with the name "now", and
// later runs return the same. It is in UTC, and durable before code gets it, unless [WithPipelining] is on. So the
// first time it costs a call of the service and an operation; the execution's [Context.StartTime] costs nothing.
// Inside steps use time.Now.
//
// Now panics if ctx is not a durable context.
func Now(ctx Context) time.Time {
	o, err := nowKind.begin(ctx, "now", nil)
	if err != nil {
		panic(err)
	}
	defer o.end()
	if op := o.known.op; op != nil && op.Status == protocol.StatusSucceeded {
		return decodeJSON[time.Time](&o)
	}
	now := time.Now().UTC().Round(0)
	id, payload := o.id(), strconv.Quote(now.Format(time.RFC3339Nano))
	if o.known.op == nil {
		o.scope.run.hold(o.scope, o.update(id, protocol.ActionStart))
	}
	u := o.update(id, protocol.ActionSucceed)
	u.Payload = &payload
	o.scope.run.record(o.scope, u)
	return now
}

// UUID returns a UUID, of version 5, that is the same on every run and unique among all calls and executions. It is
// not recorded but derived, from the execution's ARN, the number of operations that the context has begun, and the
// number of draws since. So it costs nothing, but anybody who knows the ARN can compute it: use it for keys and
// names, not for secrets. While an execution is open, do not change the number of draws between two operations.
//
// UUID panics if ctx is not a durable context.
func UUID(ctx Context) string {
	sum := sha1.Sum([]byte("perdure:uuid\x00" + uuidKind.draw(ctx)))
	sum[6] = sum[6]&0x0f | 5<<4
	sum[8] = sum[8]&0x3f | 0x80
	text := hex.EncodeToString(sum[:16])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// Rand returns a source of random numbers that is the same on every run. Its seed is derived as [UUID] is, so
// numbers are not for secrets; each call returns another source. The numbers that code takes from it must not
// depend on anything that differs from run to run.
//
// Rand panics if ctx is not a durable context.
func Rand(ctx Context) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256([]byte("perdure:rand\x00" + randKind.draw(ctx)))))
}

// draw returns a text that is unique to this draw among all executions.
func (k *kind) draw(ctx Context) string {
	s, err := k.enter(ctx, "")
	if err != nil {
		panic(err)
	}
	s.checkOpen(k, "")
	if s.drawnAt != s.count {
		s.drawnAt, s.drawn = s.count, 0
	}
	s.drawn++
	n := s.drawn
	s.busy.Store(false)
	return s.run.arn + "\x00" + s.id + "\x00" + strconv.Itoa(s.count) + "\x00" + strconv.Itoa(n)
}
