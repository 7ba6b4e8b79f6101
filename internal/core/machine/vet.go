package machine

import (
	"fmt"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Bounds for foreign records, beside those of the protocol.
const (
	MaxForeignRecords = 1_000_000
	// maxDepth bounds how deep contexts nest.
	maxDepth = 1000
	// maxSkew is how far another machine's clock may be ahead, in seconds.
	maxSkew = 24 * 3600
	// maxHeader bounds texts without a limit in the protocol.
	maxHeader = 8 << 10
)

// Vet checks the records of an execution that another engine made, or that somebody says so of, at the moment now:
// could this machine have made each record, with valid identifiers and numbers within limits, about an operation of
// that kind? It leaves out what the fold and the [Auditor] find.
func Vet(records []Record, now protocol.Timestamp, rules *Rules) error {
	if rules == nil {
		rules = &Rules{}
	}
	v := vetter{latest: now.AddSeconds(maxSkew), rules: rules, ops: map[string]*vetted{}}
	for i := range records {
		if err := v.record(&records[i]); err != nil {
			return fmt.Errorf("record %d, %.40q: %w", i+1, string(records[i].Type), err)
		}
	}
	return nil
}

type vetter struct {
	latest protocol.Timestamp // of all moments that have come
	rules  *Rules
	ops    map[string]*vetted
	faults []string // of the present record
}

// vetted is the known state of an operation.
type vetted struct {
	typ    protocol.OperationType
	closed bool
	depth  int
}

// require notes a fault of a record unless ok.
func (v *vetter) require(ok bool, format string, args ...any) {
	if !ok {
		v.faults = append(v.faults, fmt.Sprintf(format, args...))
	}
}

func (v *vetter) record(r *Record) error {
	v.faults = v.faults[:0]
	v.require(known(r.Type), "there are no such records")
	v.require((r.Event.ID != 0) == isEventType(r.Type) && r.Event.ID >= 0, "it has the event id %d", r.Event.ID)
	v.require(r.Type != forked || r.DurableExecutionARN != "", "it names no fork")
	v.texts(r)
	v.numbers(r)
	switch {
	case meaning(r.Type).Operation != "":
		v.operation(r)
	case r.Identity != nil:
		v.identity(r)
	}
	if len(v.faults) > 0 {
		return fmt.Errorf("%s", v.faults[0])
	}
	return nil
}

func (v *vetter) texts(r *Record) {
	for _, id := range []struct {
		what, text string
		max        int
	}{
		{"operation id", r.OpID, protocol.MaxOperationID}, {"parent id", r.ParentID, protocol.MaxOperationID},
		{"subtype", r.SubType, protocol.MaxSubType}, {"request id", r.RequestID, protocol.MaxOperationID},
	} {
		v.require(id.text == "" || protocol.ValidID(id.text, id.max), "%.80q is no %s", id.text, id.what)
	}
	for _, text := range []struct {
		what, text string
		max        int
	}{
		{"name", r.Name, protocol.MaxName}, {"callback id", r.CallbackID, protocol.MaxCallbackID},
		{"function name", r.FunctionName, protocol.MaxName}, {"tenant id", r.TenantID, protocol.MaxName},
		{"version", r.ExecutedVersion, protocol.MaxOperationID},
		{"client token", r.ClientToken, protocol.MaxClientToken}, {"caller", r.By, protocol.MaxName},
		{"trace header", r.TraceHeader, maxHeader},
	} {
		v.require(len(text.text) <= text.max && isPrintable(text.text), "%.80q is no %s", text.text, text.what)
	}
	if r.DurableExecutionARN != "" {
		_, err := protocol.ParseARN(r.DurableExecutionARN)
		v.require(err == nil, "%.80q is no ARN of an execution", r.DurableExecutionARN)
	}
	if max := v.maxPayload(r); r.Payload != nil {
		v.require(len(*r.Payload) <= max, "its payload has %d bytes, which are at most %d", len(*r.Payload), max)
	}
	v.require(r.Error.Size() <= v.rules.maxError(), "its error is larger than %d bytes", v.rules.maxError())
}

func (v *vetter) maxPayload(r *Record) int {
	switch m := meaning(r.Type); {
	case r.Type == protocol.EventExecutionStarted:
		return protocol.MaxSyncPayload
	case m.Execution != "" && !m.Execution.Closed(): // a pause begins or ends
		return 4 * protocol.MaxReason // UTF-8 has up to four bytes for a character
	case m.Operation != "":
		return v.rules.maxPayload()
	}
	return v.rules.maxResult()
}

func isPrintable(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) < 0
}

// numbers checks the numbers of a record, and its moments.
func (v *vetter) numbers(r *Record) {
	v.require(r.Time > 0 && r.Time <= v.latest, "it is of the moment %d, in milliseconds since 1970", r.Time)
	ahead := r.Time.AddSeconds(protocol.MaxWaitSeconds)
	for _, n := range []struct {
		what   string
		n, max int64
	}{
		{"execution timeout", r.ExecutionTimeout, protocol.MaxExecutionSeconds},
		{"attempt", int64(r.CurrentAttempt), 1 << 31},
		{"delay of the next attempt", r.NextAttemptDelay, protocol.MaxWaitSeconds},
		{"duration", r.Duration, protocol.MaxWaitSeconds},
		{"timeout", r.Timeout, protocol.MaxCallbackSeconds},
		{"heartbeat timeout", r.HeartbeatTimeout, protocol.MaxCallbackSeconds},
		{"start", int64(r.Start), int64(v.latest)},
		{"end", int64(r.End), int64(v.latest)},
		{"cold start", r.Init.Milliseconds(), max(0, r.End.Sub(r.Start)).Milliseconds()},
		{"request", int64(r.Requested), int64(v.latest)},
		{"scheduled end", int64(r.ScheduledEnd), int64(ahead)},
		{"next try", int64(r.RetryAt), int64(ahead)},
	} {
		v.require(n.n >= 0 && n.n <= n.max, "its %s is %d, which is not between 0 and %d", n.what, n.n, n.max)
	}
	v.require((r.Type == executionClosing) == (r.Status == protocol.ExecutionSucceeded ||
		r.Status == protocol.ExecutionFailed) &&
		(r.Type == executionClosing || r.Status == ""), "it says the status %.40q", string(r.Status))
}

// operation checks a record about an operation against those before it.
func (v *vetter) operation(r *Record) {
	m := meaning(r.Type)
	typ, step := m.Operation, endsAttempt(m)
	starts, ends := m.Status == protocol.StatusStarted, m.Status.Closed()
	o := v.ops[r.OpID]
	switch {
	case r.OpID == "":
		v.require(false, "it names no operation")
		return
	case o == nil:
		v.require(starts || step, "there is no operation %s yet", r.OpID)
		o = &vetted{typ: typ, depth: 1}
		if r.ParentID != "" {
			parent := v.ops[r.ParentID]
			if parent == nil || parent.typ != protocol.TypeContext {
				v.require(false, "its parent %s is no context", r.ParentID)
				return
			}
			o.depth = parent.depth + 1
			v.require(o.depth <= maxDepth, "there are more than %d contexts in each other", maxDepth)
		}
		v.ops[r.OpID] = o
	default:
		v.require(o.typ == typ, "operation %s is a %s", r.OpID, o.typ)
		v.require(!o.closed, "operation %s has ended before", r.OpID)
		v.require(!starts || typ == protocol.TypeStep, "operation %s begins twice", r.OpID)
	}
	v.require(r.Type != protocol.EventCallbackStarted || r.CallbackID != "", "the callback has no id")
	v.require(r.Type != protocol.EventWaitStarted || r.Duration > 0 && r.ScheduledEnd > 0, "the wait has no end")
	o.closed = ends && (!step || r.NextAttemptDelay == 0)
}

// identity checks the first record of an execution.
func (v *vetter) identity(r *Record) {
	id := r.Identity
	v.require(r.Type == protocol.EventExecutionStarted, "it says who the execution is")
	v.require(r.OpID == id.ARN.ID && r.Name == id.ARN.Name && r.ExecutionTimeout == id.ExecutionTimeout,
		"it contradicts itself")
	v.require(protocol.ValidID(id.ARN.ID, protocol.MaxOperationID), "%.80q is no id of an execution", id.ARN.ID)
	v.require(protocol.ValidID(id.ARN.Name, protocol.MaxExecutionName), "%.80q is no name of an execution", id.ARN.Name)
	v.require(protocol.ValidID(id.ARN.Function, protocol.MaxFunctionName), "%.80q is no name of a function",
		id.ARN.Function)
	v.require(len(id.ARN.Version) <= protocol.MaxOperationID, "%.80q is no version", id.ARN.Version)
	v.require(id.ExecutionTimeout > 0, "it has no timeout")
	v.require(id.RetentionDays > 0 && id.RetentionDays <= protocol.MaxRetentionDays,
		"its retention is %d days, which are at most %d", id.RetentionDays, protocol.MaxRetentionDays)
	v.require(len(id.TenantID) <= protocol.MaxName && isPrintable(id.TenantID), "%.80q is no tenant id", id.TenantID)
	v.require(len(id.TraceHeader) <= maxHeader && isPrintable(id.TraceHeader), "%.80q is no trace header",
		id.TraceHeader)
	v.link("parent", id.ParentARN, id.ParentOperation, false)
	v.link("origin", id.OriginARN, id.OriginOperation, true)
}

// link checks the reference to an operation of another execution.
func (v *vetter) link(what, arn, operation string, whole bool) {
	if arn != "" {
		_, err := protocol.ParseARN(arn)
		v.require(err == nil, "its %s, %.80q, is no ARN of an execution", what, arn)
	}
	v.require(operation == "" || protocol.ValidID(operation, protocol.MaxOperationID), "its %s has the operation %.80q",
		what, operation)
	v.require((arn == "") == (operation == "") || whole && arn != "", "its %s is named by half", what)
}
