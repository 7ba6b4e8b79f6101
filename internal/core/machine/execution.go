package machine

import (
	"crypto/sha256"
	"maps"
	"slices"
	"unsafe"

	"github.com/perdure/perdure/protocol"
)

// Execution is the published state of one execution. The driver must not read it while it publishes a draft.
type Execution struct {
	state
	ops    []*operation   // in start order; the first is the EXECUTION
	index  map[string]int // operation id -> position in ops
	timers timerHeap
	rules  *Rules

	opsSize int // memory of the operations, in bytes
}

// state is the part of an execution that a draft copies whole.
type state struct {
	identity  *Identity
	arn       string // the identity's
	inputHash [32]byte
	status    protocol.ExecutionStatus // terminal once closed; never DELETING, see deleting
	started   protocol.Timestamp
	closed    protocol.Timestamp
	result    *string
	err       *protocol.ErrorObject
	closing   protocol.ExecutionStatus // set between the final checkpoint and the terminal event
	notified  bool                     // the parent knows the outcome
	deleting  protocol.Timestamp       // when deletion was asked for; zero for never
	stoppedBy string                   // who asked for the stop
	killed    bool                     // what runs for it is to end
	cascade   *Cascade                 // of a stop that goes on to the children; nil for none

	pause                 *Pause             // while PAUSING or PAUSED
	putOff                protocol.Timestamp // milliseconds for which the timeout was paused
	lastPause, lastResume accepted
	acts                  []string // tokens of the latest acts, the newest last; never changed in place
	forks                 []Fork   // the latest ones, the newest last; never changed in place
	redriven              bool     // one of all forks tries again what failed

	entries int64 // journal entries folded into this state
	events  int64 // the last EventId
	pending int   // operations that justify a PENDING answer
	waking  int   // operations that change without the function
	used    Usage

	open          [doings]int        // how many operations make the execution do each thing
	retryingSince protocol.Timestamp // when that began which failed first and is tried again since
	queuedSince   protocol.Timestamp // when an invocation was last newly wanted
	idleSince     protocol.Timestamp // when the last invocation ended

	invocation invocation
	seq        int64                 // moves with every accepted checkpoint and every invocation
	invokeAt   protocol.Timestamp    // when an invocation is wanted; zero for none
	failures   int                   // failed invocations in a row; one that had recorded something is the first
	failure    *protocol.ErrorObject // how the latest of these failed, or was missed
	badOutputs int                   // answers against the rules in a row
	misses     int                   // invocations in a row that were lost or did not reach the function

	// told and news list the positions of operations whose record changed, in order. The current invocation was
	// told of those in told, by its envelope or by replies; news are still to be told. If the invocation fails,
	// nobody knows what it made of them, so the next one is told again. telling moves whenever news are told.
	told    []int
	news    []int
	telling int64
	reply   *Reply // to the last checkpoint, for repeats of it

	replySize int // its memory, in bytes
}

// invocation is one call of the function; the zero value is none.
type invocation struct {
	number    int64 // counts the execution's invocations from 1
	requestID string
	start     protocol.Timestamp
	// interrupted: a pause cut it off from checkpointing; another one follows.
	interrupted bool
	// progressed: it has recorded something.
	progressed bool
}

// Rules are the limits that a driver chooses.
type Rules struct {
	MaxPayload int // bytes of one operation's payload; 0 is protocol.MaxPayload
	MaxResult  int // bytes of the execution's result; 0 is protocol.MaxSyncPayload
	MaxError   int // bytes of an error object; 0 is protocol.MaxPayload
	// MaxAsyncResult bounds the result of an execution that nobody waits for; 0 is as MaxResult.
	MaxAsyncResult int
	// MaxOperations and MaxStoredBytes are quotas: an execution that exceeds one fails. 0 is no limit. [Usage] says
	// how they are counted.
	MaxOperations  int
	MaxStoredBytes int
}

func (r *Rules) maxPayload() int { return orDefault(r.MaxPayload, protocol.MaxPayload) }
func (r *Rules) maxResult() int  { return orDefault(r.MaxResult, protocol.MaxSyncPayload) }
func (r *Rules) maxError() int   { return orDefault(r.MaxError, protocol.MaxPayload) }

func (d *Draft) maxResult() int {
	if n := d.x.rules.MaxAsyncResult; n > 0 && d.identity.Async {
		return n
	}
	return d.x.rules.maxResult()
}

func orDefault(n, def int) int {
	if n > 0 {
		return n
	}
	return def
}

func blank(rules *Rules) *Execution {
	if rules == nil {
		rules = &Rules{}
	}
	return &Execution{state: state{telling: 1}, index: map[string]int{}, rules: rules}
}

// Start returns the draft of a new execution, which wants its first invocation
// at once. input is the event, nil for none.
func Start(id Identity, input *string, now protocol.Timestamp, rules *Rules) *Draft {
	d := blank(rules).Draft(now)
	d.emit(Record{
		Event: protocol.Event{
			Type: protocol.EventExecutionStarted, OpID: id.ARN.ID, Name: id.ARN.Name,
			Payload: input, ExecutionTimeout: id.ExecutionTimeout,
		},
		Identity: &id,
	})
	return d
}

// Identity returns the fixed facts about the execution. Do not modify them.
func (s *state) Identity() *Identity { return s.identity }

// ARN is the execution's ARN as text.
func (s *state) ARN() string { return s.arn }

// InputHash is the SHA-256 of the input.
func (s *state) InputHash() [32]byte { return s.inputHash }

// Status returns the execution's status.
func (s *state) Status() protocol.ExecutionStatus {
	if s.deleting != 0 {
		return protocol.ExecutionDeleting
	}
	return s.status
}

// Outcome is the status with which a closed execution ended, even if it is marked for deletion.
func (s *state) Outcome() protocol.ExecutionStatus { return s.status }

// Started returns when the execution started.
func (s *state) Started() protocol.Timestamp { return s.started }

// Closed returns when the execution ended; zero while it is open.
func (s *state) Closed() protocol.Timestamp { return s.closed }

// Result returns the result or the error of a closed execution.
func (s *state) Result() (*string, *protocol.ErrorObject) { return s.result, s.err }

// Entries returns the number of journal entries behind this state.
func (s *state) Entries() int64 { return s.entries }

// Events returns the last EventId.
func (s *state) Events() int64 { return s.events }

// Invoking reports whether an invocation is in flight.
func (s *state) Invoking() bool { return s.invocation.requestID != "" }

// InFlight is the request id of the invocation in flight; empty if there is none.
func (s *state) InFlight() string { return s.invocation.requestID }

// Fence returns the content of the current checkpoint token.
func (s *state) Fence() Fence { return Fence{Invocation: s.invocation.number, Seq: s.seq} }

// Failures returns the number of failed invocations in a row.
func (s *state) Failures() int { return s.failures }

// InvokeAt returns when the next invocation is wanted, or zero. A paused execution may want one, too; it waits.
func (s *state) InvokeAt() protocol.Timestamp { return s.invokeAt }

// Input returns the execution's input, nil for none.
func (x *Execution) Input() *string { return x.ops[0].Payload }

// Page returns operations that a function may see, in start order, from a position on: at most maxItems and, after
// the first, at most maxBytes of payload. next is the position of the next page, or zero at the end.
//
// It leaves out descendants of a context that closed with its result, which stands for them.
func (x *Execution) Page(from, maxItems, maxBytes int) (ops []*protocol.Operation, next int) {
	size := 0
	for i := from; i >= 0 && i < len(x.ops); i++ {
		o := x.ops[i]
		if x.hidden(o) {
			continue
		}
		size += o.size()
		if len(ops) > 0 && (len(ops) >= maxItems || size > maxBytes) {
			return ops, i
		}
		ops = append(ops, &o.Operation)
	}
	return ops, 0
}

// Operations returns snapshots of all operations, in start order.
func (x *Execution) Operations() []*protocol.Operation {
	ops := make([]*protocol.Operation, len(x.ops))
	for i, o := range x.ops {
		ops[i] = &o.Operation
	}
	return ops
}

// hidden reports whether an ancestor's result stands for o.
func (x *Execution) hidden(o *operation) bool {
	for o.parent >= 0 {
		o = x.ops[o.parent]
		if o.Status.Closed() && !o.ReplayChildren {
			return true
		}
	}
	return false
}

// size is at least the length of the operation's JSON, and not much more.
func (o *operation) size() int {
	n := 320 + len(o.ID) + len(o.ParentID) + len(o.SubType) + len(o.CallbackID) + protocol.StringSize(o.Name)
	if o.Payload != nil {
		n += protocol.StringSize(*o.Payload)
	}
	if o.Error != nil {
		n += o.Error.Size()
	}
	return n
}

// NameOf returns the name of the operation with this id; empty if there is none.
func (x *Execution) NameOf(id string) string {
	if i, ok := x.index[id]; ok {
		return x.ops[i].Name
	}
	return ""
}

// Updated returns the ids of the operations that changed since the last invocation that ended well. The current
// invocation, which has just begun, is told of them.
func (x *Execution) Updated() []string {
	ids := make([]string, 0, len(x.told))
	seen := make(map[int]bool, len(x.told)) // an operation may change again after a failed invocation
	for _, i := range x.told {
		if !seen[i] {
			seen[i] = true
			ids = append(ids, x.ops[i].ID)
		}
	}
	return ids
}

// OwesParent reports whether the execution closed and the one that invoked it does not know yet.
func (s *state) OwesParent() bool {
	return s.status.Closed() && s.identity.ParentARN != "" && !s.notified
}

// Calls returns the targets of plain functions that the execution waits for, by operation id; none once it has
// closed. It looks at every operation if there are any.
func (x *Execution) Calls() map[string]*InvokeTarget {
	calls := map[string]*InvokeTarget{}
	if x.open[callingAt] == 0 || x.status.Closed() {
		return calls
	}
	for _, o := range x.ops {
		if o.calling() {
			calls[o.ID] = o.invoke
		}
	}
	return calls
}

// CallChanges returns the calls of plain functions that the draft begins to wait for, and the operation ids of
// those that it stops waiting for.
func (d *Draft) CallChanges() (begun map[string]*InvokeTarget, over []string) {
	if d.status.Closed() {
		if d.x.identity == nil {
			return nil, nil
		}
		return nil, slices.Sorted(maps.Keys(d.x.Calls()))
	}
	for i, o := range d.touched {
		was := i < len(d.x.ops) && d.x.ops[i].calling()
		switch {
		case o.calling() && !was:
			if begun == nil {
				begun = map[string]*InvokeTarget{}
			}
			begun[o.ID] = o.invoke
		case was && !o.calling():
			over = append(over, o.ID)
		}
	}
	return begun, over
}

// Call returns the target of the chained invoke with this operation id if it waits for a plain function, or nil.
func (x *Execution) Call(opID string) *InvokeTarget {
	if i, ok := x.index[opID]; ok && x.ops[i].calling() && !x.status.Closed() {
		return x.ops[i].invoke
	}
	return nil
}

func hashInput(input *string) [32]byte {
	if input == nil {
		return sha256.Sum256(nil)
	}
	return sha256.Sum256([]byte(*input))
}

// Current reports whether a checkpoint token with the content f is valid now.
func (s *state) Current(f Fence) bool {
	return s.Invoking() && !s.ended() && !s.invocation.interrupted && f == s.Fence()
}

// ended reports whether operations cannot change any more: the execution closed, or closes with the invocation.
func (s *state) ended() bool { return s.status.Closed() || s.closing != "" }

// Size is about the bytes of memory that the execution takes. It is kept up to date as the execution changes, at a
// cost that does not grow with the execution.
func (x *Execution) Size() int {
	const (
		fixed    = 2048 // with the identity
		act      = int(unsafe.Sizeof("")) + protocol.MaxClientToken
		position = int(unsafe.Sizeof(0))
		timers   = int(unsafe.Sizeof(timer{}))
	)
	return fixed + x.opsSize + x.replySize + textSize(x.result) + errorSize(x.err) + errorSize(x.failure) +
		act*len(x.acts) + x.forksSize() + x.cascade.memory() +
		position*(cap(x.told)+cap(x.news)) + timers*cap(x.timers)
}

// perOperation is the memory of an operation besides its texts: itself, its place in the list, its entry in the
// index.
const perOperation = int(unsafe.Sizeof(operation{})) + 2*int(unsafe.Sizeof(&operation{})) + 64

func (o *operation) memory() int {
	n := perOperation + textsOf(&o.Operation)
	if t := o.invoke; t != nil {
		n += int(unsafe.Sizeof(*t)) + len(t.Function) + len(t.Version) + len(t.ARN) + len(t.TenantID) +
			len(t.TraceHeader) + textSize(t.Input)
	}
	return n
}

func textsOf(o *protocol.Operation) int {
	return len(o.ID) + len(o.ParentID) + len(o.Name) + len(o.SubType) + len(o.CallbackID) + textSize(o.Payload) +
		errorSize(o.Error)
}

// memory is the memory of a kept reply: snapshots of operations.
func (r *Reply) memory() int {
	n := 256
	for _, o := range r.Operations {
		n += perOperation + textsOf(o)
	}
	return n
}

func textSize(s *string) int {
	if s == nil {
		return 0
	}
	return int(unsafe.Sizeof(*s)) + len(*s)
}

// errorSize counts the memory of a stack's lines, even of empty ones.
func errorSize(e *protocol.ErrorObject) int {
	if e == nil {
		return 0
	}
	n := int(unsafe.Sizeof(*e)) + len(e.ErrorMessage) + len(e.ErrorType) + len(e.ErrorData) +
		cap(e.StackTrace)*int(unsafe.Sizeof(""))
	for _, line := range e.StackTrace {
		n += len(line)
	}
	return n
}
