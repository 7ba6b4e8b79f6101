package durable

import (
	"fmt"
	"time"

	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

var (
	waitKind  = &kind{call: "durable.Wait", typ: protocol.TypeWait, subType: protocol.SubTypeWait}
	untilKind = &kind{call: "durable.WaitUntil", typ: protocol.TypeWait, subType: protocol.SubTypeWait}
)

// maxWait is the longest wait of the service.
const maxWait = protocol.MaxWaitSeconds * time.Second

// wholeSeconds rounds to the service's unit of delays.
func wholeSeconds(d time.Duration) int64 {
	return min(max(int64(d.Round(time.Second)/time.Second), 1), protocol.MaxWaitSeconds)
}

// nextAttempt asks the policy about the attempt that failed with err: seconds until the next one, or false.
func nextAttempt(p retry.Policy, err error, attempt int) (seconds int64, again bool) {
	delay, again := p.Next(err, attempt)
	if !again {
		return 0, false
	}
	return wholeSeconds(delay), true
}

// Wait lets d pass. The execution is suspended meanwhile, unless other code of it runs, and costs nothing; the
// service wakes it up, by its own clock, and no crash shortens or restarts the wait. The function records the
// beginning of the wait, and the service its end; later runs return at once.
//
// d is at least a second and at most 366 days; fractions of a second are rounded up. The name is as for [Step]. The
// only error is that of arguments that break these rules, on the first run: after that the recorded wait counts,
// whatever d is. To wait until a moment use [WaitUntil].
func Wait(ctx Context, name string, d time.Duration) error {
	o, err := waitKind.begin(ctx, name, validateWait(d))
	if err != nil {
		return err
	}
	o.pass(d)
	return nil
}

// WaitUntil is [Wait] until a moment, which is at most 366 days ahead. The service measures the time in whole
// seconds, rounded up.
//
// For a moment that has passed, WaitUntil returns at once and records nothing. Later runs do the same, whatever
// their clock says, since later operations have records and this one has none. Once a wait has begun the recorded
// one counts, whatever t is.
func WaitUntil(ctx Context, name string, t time.Time) error {
	o, err := untilKind.next(ctx, name)
	if err != nil {
		return err
	}
	d := max(time.Until(t), 0)
	if !o.hasRecord() {
		var bad error
		if d > maxWait {
			bad = fmt.Errorf("%s is more than %v (366 days) ahead, and the service waits no longer", t.Format(time.RFC3339), maxWait)
		}
		if err := o.refuse(bad); err != nil {
			return err
		}
		if s := o.scope; d == 0 || o.number < len(s.recorded) || s.sealing == sealed {
			o.checkVirtual()
			s.checkOpen(o.kind, name)
			o.end()
			return nil
		}
	}
	o.compare()
	o.pass(max(d, time.Second))
	return nil
}

func validateWait(d time.Duration) error {
	switch {
	case d < time.Second:
		return fmt.Errorf("the duration is %v; the service waits at least 1s, and WaitUntil takes moments that may have passed", d)
	case d > maxWait:
		return fmt.Errorf("the duration is %v; the service waits at most %v (366 days)", d, maxWait)
	}
	return nil
}

// pass returns when the wait, which may have begun earlier, is over.
func (o *operation) pass(d time.Duration) {
	switch op := o.known.op; {
	case op == nil || !op.Status.Closed():
		o.wait(d)
	case op.Status == protocol.StatusCancelled:
		o.linger()
	}
	o.end()
}

func (o *operation) wait(d time.Duration) {
	id := o.id()
	if o.known.op == nil {
		u := o.update(id, protocol.ActionStart)
		u.WaitOptions = &protocol.WaitOptions{WaitSeconds: int64((d + time.Second - 1) / time.Second)}
		o.scope.run.send(o.scope, u)
	}
	cancel := o.update(id, protocol.ActionCancel)
	o.park(id, o.known.op, &cancel)
}
