package machine

import (
	"cmp"
	"slices"

	"github.com/perdure/perdure/protocol"
)

// Reason is one thing that an open execution is at, or waits for. Its kind says which members are set.
type Reason struct {
	Kind  ReasonKind
	Since protocol.Timestamp
	// Until is when it ends if nothing happens before; zero for never.
	Until protocol.Timestamp
	// Heartbeat and Timeout belong to a callback: when it times out without a heartbeat, and when in any case.
	// Until is the earlier one. Zero is never.
	Heartbeat, Timeout protocol.Timestamp

	// Operation is a snapshot of its operation; nil if it is about the execution.
	Operation *protocol.Operation
	// Label is the name of the operation, or of the context around it, or the operation's id.
	Label string
	// Count is the number that the kind names.
	Count int
	// Error is the failure that came before.
	Error *protocol.ErrorObject
	// Target is the function that a chained invoke calls.
	Target *InvokeTarget
	// Text is the text of who caused it, and By is who that was; both may be empty.
	Text, By string
}

// ReasonKind is a kind of reason.
type ReasonKind string

// The kinds of reason.
const (
	// ReasonRunning: an invocation is in flight, the Count-th.
	ReasonRunning ReasonKind = "running"
	// ReasonInStep: the function has begun the Count-th attempt of a step.
	ReasonInStep ReasonKind = "in step"
	// ReasonClosing: the result has come; the execution closes when the invocation in flight ends.
	ReasonClosing ReasonKind = "closing"
	// ReasonPausing: a pause begins when the invocation in flight checkpoints or ends. Text is its reason.
	ReasonPausing ReasonKind = "pausing"
	// ReasonPaused: the execution is paused. Text is the pause's reason.
	ReasonPaused ReasonKind = "paused"
	// ReasonFailing: the last Count invocations failed, the latest with Error; the next one comes at Until.
	ReasonFailing ReasonKind = "failing"
	// ReasonUnreached: the last Count invocations did not reach the function,
	// the latest because of Error; the next one comes at Until.
	ReasonUnreached ReasonKind = "unreached"
	// ReasonQueued: an invocation is wanted.
	ReasonQueued ReasonKind = "queued"
	// ReasonForgotten: a function left a step that it began, and waits for nothing; it is invoked again at Until.
	ReasonForgotten ReasonKind = "forgotten"
	// ReasonRetry: a step failed Count times, the last time with Error; the next attempt comes at Until.
	ReasonRetry ReasonKind = "retry"
	// ReasonPoll: a step has polled a condition Count times and polls again at Until.
	ReasonPoll ReasonKind = "poll"
	// ReasonCallback: somebody must complete a callback, or keep it alive, before Until.
	ReasonCallback ReasonKind = "callback"
	// ReasonInvoke: the Target of a chained invoke must answer.
	ReasonInvoke ReasonKind = "invoke"
	// ReasonWait: a wait ends at Until.
	ReasonWait ReasonKind = "wait"
)

// order is the order of reasons: first what holds up everything, then failures, then what others must do.
var order = []ReasonKind{
	ReasonPaused, ReasonPausing, ReasonClosing, ReasonRunning, ReasonInStep, ReasonFailing, ReasonUnreached,
	ReasonQueued, ReasonForgotten,
	ReasonRetry, ReasonCallback, ReasonInvoke, ReasonPoll, ReasonWait,
}

// Explain returns why an open execution is where it is at the moment now: the most telling kind first, within a
// kind the earliest end first. A closed execution has no reasons. It looks at every operation.
func (x *Execution) Explain(now protocol.Timestamp) []Reason {
	if x.status.Closed() {
		return nil
	}
	reasons := x.explainInvocation(now)
	for _, o := range x.ops {
		if r, ok := x.explainOperation(o); ok {
			reasons = append(reasons, r)
		}
	}
	slices.SortStableFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			compareUntil(a.Until, b.Until))
	})
	return reasons
}

// compareUntil puts never last.
func compareUntil(a, b protocol.Timestamp) int {
	if (a == 0) != (b == 0) {
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}

func (x *Execution) explainInvocation(now protocol.Timestamp) []Reason {
	var reasons []Reason
	add := func(r Reason) { reasons = append(reasons, r) }
	if p := x.pause; p != nil {
		r := Reason{Kind: ReasonPausing, Since: p.Requested, By: p.By}
		if p.Since != 0 {
			r.Kind, r.Since = ReasonPaused, p.Since
		}
		if p.Reason != nil {
			r.Text = *p.Reason
		}
		add(r)
	}
	if x.Invoking() {
		if x.closing != "" {
			add(Reason{Kind: ReasonClosing, Since: x.invocation.start})
		}
		add(Reason{Kind: ReasonRunning, Since: x.invocation.start, Count: int(x.invocation.number)})
	}
	if x.failures > 0 && (x.pause == nil || x.pause.By != ByCrashLimit) { // whose reason says it already
		next := x.invokeAt
		if x.status == protocol.ExecutionPaused {
			next = 0
		}
		add(Reason{Kind: ReasonFailing, Since: x.retryingSince, Until: next, Count: x.failures, Error: x.failure})
	}
	if x.misses > 0 && !x.Invoking() {
		add(Reason{Kind: ReasonUnreached, Since: x.idleSince, Until: x.invokeAt, Count: x.misses, Error: x.failure})
	}
	switch {
	case x.invokeAt == 0 || x.status == protocol.ExecutionPaused:
	case x.invokeAt <= now:
		add(Reason{Kind: ReasonQueued, Since: x.invokeAt})
	case x.failures == 0 && x.misses == 0:
		add(Reason{Kind: ReasonForgotten, Since: x.queuedSince, Until: x.invokeAt})
	}
	return reasons
}

// explainOperation returns what keeps an operation open, unless that is the function's own affair.
func (x *Execution) explainOperation(o *operation) (Reason, bool) {
	r := Reason{Since: o.Start, Until: o.deadline(), Operation: &o.Operation, Label: x.label(o)}
	switch o.doing() {
	case Retrying:
		r.Kind, r.Count, r.Error = ReasonRetry, o.Attempt, o.Error
	case Waiting:
		r.Kind, r.Count = ReasonWait, 0
		if o.Type == protocol.TypeStep {
			r.Kind, r.Count = ReasonPoll, o.Attempt
		}
	case Callback:
		r.Kind, r.Heartbeat, r.Timeout = ReasonCallback, o.heartbeatAt, o.timeoutAt
	case Invoke, Invoke | Calling:
		r.Kind, r.Target = ReasonInvoke, o.invoke
	}
	if x.Invoking() && o.Type == protocol.TypeStep && o.Status == protocol.StatusStarted {
		r.Kind, r.Count, r.Error = ReasonInStep, o.Attempt+1, o.Error
	}
	return r, r.Kind != ""
}

// label is a person's word for o. For the callback within a wait for a callback, SDKs make up a name that is not in
// the code, so the name of the wait stands for it.
func (x *Execution) label(o *operation) string {
	if o.Type == protocol.TypeCallback && o.parent >= 0 && x.ops[o.parent].SubType == protocol.SubTypeWaitForCallback {
		o = x.ops[o.parent]
	}
	for p := o; ; p = x.ops[p.parent] {
		if p.Name != "" {
			return p.Name
		}
		if p.parent < 0 {
			return o.ID
		}
	}
}

// Progress is how many operations have ended of those that have begun. Contexts with operations of their own do not
// count: those do.
func (x *Execution) Progress() (ended, begun int) {
	parents := make([]bool, len(x.ops))
	for i := len(x.ops) - 1; i > 0; i-- { // a parent stands before what is in it
		o := x.ops[i]
		if o.parent >= 0 {
			parents[o.parent] = true
		}
		if parents[i] {
			continue
		}
		begun++
		if o.Status.Closed() {
			ended++
		}
	}
	return ended, begun
}
