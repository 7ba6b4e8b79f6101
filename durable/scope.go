package durable

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/protocol"
)

// scope is the durable context of a handler or of a child's function: it numbers operations and knows their
// records.
type scope struct {
	context.Context
	run      *run
	settings *settings
	parent   *scope // nil for the handler
	id       string // begins its operations' ids; empty for the handler
	within   string // id of the CONTEXT operation that records it, or the nearest scope around it
	name     string
	recorded []record
	count    int            // operations begun
	versions map[string]int // decisions of Version
	drawn    int            // draws of UUID and Rand since operation drawnAt began
	drawnAt  int
	summary  func() string // of a result that is too large to be recorded; nil for none

	sealing sealing // what may still be recorded
	isTask  bool    // it stands for a task: only the task's own end is recorded in it
	tasks   []*task // begun in it; the run's mutex guards this and life
	life    life
	owner   uint64 // the goroutine that may use it; 0 without checks

	busy      atomic.Bool // an operation uses it
	replaying atomic.Bool // its code ran before: drop its logs
	unwound   atomic.Bool // its goroutine unwound with the run
	logger    atomic.Pointer[slog.Logger]
}

// sealing is what may still be recorded in a scope. It is set when the scope is made, from that of the one around
// it, or when its context turns out to be closed.
type sealing int

const (
	open   sealing = iota // everything
	sealed                // nothing: its context closed with ReplayChildren, and its code runs again for the result
	loose                 // nothing, and its code was left behind at an unfinished operation, where it lingers
)

// life is how far the code of a scope has come. The run's mutex guards it.
type life int

const (
	running   life = iota
	ending         // a task only: its end is queued or recorded, so nothing cancels it
	returned       // its function returned; using the scope now is a misuse
	abandoned      // a task only: nobody will hear of it, and its goroutine unwinds at the next operation
)

func newScope(ctx context.Context, r *run, parent *scope, id, name string) *scope {
	s := &scope{Context: ctx, run: r, settings: settingsOf(ctx), parent: parent, id: id, within: id, name: name}
	if s.settings == nil {
		s.settings = &r.cfg.settings
	}
	if c := r.history.contexts[id]; c != nil {
		s.recorded = c.records
	}
	if parent != nil {
		s.sealing, s.owner = parent.sealing, parent.owner
	}
	s.replaying.Store(s.ranOn())
	return s
}

func (s *scope) Value(key any) any {
	switch key.(type) {
	case scopeKey:
		return s
	case settingsKey:
		return s.settings
	case bodyKey:
		return nil
	}
	return s.Context.Value(key)
}

func (s *scope) ExecutionARN() string { return s.run.arn }

func (s *scope) StartTime() time.Time { return s.run.history.execution.Start.Time() }

// recordOf is the record of operation number n, from 1.
func (s *scope) recordOf(n int) record {
	if n <= len(s.recorded) {
		return s.recorded[n-1]
	}
	if strays := s.run.history.strays; len(strays) > 0 {
		return strays[childID(s.id, n)]
	}
	return record{}
}

// peek is the record of the next operation.
func (s *scope) peek() record { return s.recordOf(s.count + 1) }

// ranOn reports whether an earlier invocation came past this point: a later operation has a record, even if the
// next one has none.
func (s *scope) ranOn() bool {
	return s.count < len(s.recorded) || s.peek().op != nil || s.run.history.contexts[childID(s.id, s.count+1)] != nil
}

// hadSeen reports whether an earlier invocation that ended well knew this much of an operation.
func (s *scope) hadSeen(known record) bool {
	return s.sealing != open || s.run.history.marked && !known.updated
}

// abandonedLocked reports whether nobody will hear of this scope's work, because its function, or one around it, is
// over.
func (s *scope) abandonedLocked() bool {
	for ; s != nil; s = s.parent {
		if s.life == returned || s.life == abandoned {
			return true
		}
	}
	return false
}

// close ends the scope after its function returned, or failed with cause. A record that the function did not reach
// means that the code has changed, or its input.
func (s *scope) close(cause error) {
	s.run.mu.Lock()
	s.life = returned
	if s.parent != nil { // the handler's tasks end with the run
		s.run.abandonLocked(s.tasks, errEnclosingEnded)
	}
	s.run.mu.Unlock()
	for i := s.count; i < len(s.recorded); i++ {
		op := s.recorded[i].op
		if op == nil { // perhaps a virtual context
			op = s.run.history.unrecorded(childID(s.id, i+1))
		}
		if op != nil {
			s.run.fail(&nonDeterminism{ID: op.ID, Recorded: shapeOf(op), Err: cause})
		}
	}
}

// kind is what the operations of one function have in common.
type kind struct {
	call    string // for messages
	typ     protocol.OperationType
	subType string

	virtual  bool // takes a number, but is never recorded
	detached bool // may stay open when its context closes
}

// as is the kind with the user's subtype, if there is one.
func (k *kind) as(subType *string) *kind {
	if subType == nil {
		return k
	}
	own := *k
	own.subType = *subType
	return &own
}

// operation is one call of a package function, from its begin to its end.
type operation struct {
	*kind
	scope  *scope
	ctx    Context // as the caller gave it
	name   string
	number int
	known  record // from earlier invocations
}

// enter takes the context for a call, until [scope.leave]. It does not return if the run is over, or the context in
// use.
func (k *kind) enter(ctx Context, name string) (*scope, error) {
	s := scopeOf(ctx)
	if s == nil {
		return nil, k.errorf(name, "ctx is not a durable context; pass the one that the handler or the "+
			"child context got")
	}
	s.checkRun(k, name)
	s.checkGoroutine(k, name)
	if !s.busy.CompareAndSwap(false, true) {
		s.run.fail(misuse(k.describe(name), "its context is in use by another operation: inside a step use none, "+
			"inside a child context use the child's, and for work at the same time use a context each"))
	}
	return s, nil
}

// begin gives the call its number and compares it with the record there. It does not return if the two differ, or
// if the run is over.
//
// bad is the error of the call's arguments. It counts on the first run only: after that the record counts, since
// arguments may be computed. A refused call keeps its number, so that later ones have the same on every run.
func (k *kind) begin(ctx Context, name string, bad error) (operation, error) {
	o, err := k.next(ctx, name)
	if err == nil && !o.hasRecord() {
		err = o.refuse(bad)
	}
	if err != nil {
		return operation{}, err
	}
	o.compare()
	return o, nil
}

// next is the first half of begin, for calls that check their arguments only if there is no record; compare is the
// second half.
func (k *kind) next(ctx Context, name string) (operation, error) {
	s, err := k.enter(ctx, name)
	if err != nil {
		return operation{}, err
	}
	known := s.peek()
	s.count++
	return operation{kind: k, scope: s, ctx: ctx, name: name, number: s.count, known: known}, nil
}

func (o *operation) hasRecord() bool {
	return o.known.op != nil || o.virtual && o.scope.run.history.contexts[o.id()] != nil
}

// refuse ends a call whose arguments, or name, break a rule.
func (o *operation) refuse(bad error) error {
	if bad == nil {
		bad = validateName(o.name)
	}
	if bad == nil {
		return nil
	}
	o.end()
	if _, named := bad.(*SerdesError); named {
		return bad
	}
	return o.errorf(o.name, "%w", bad)
}

func (o *operation) compare() {
	o.check()
	if s := o.scope; o.known.op == nil && !o.virtual && o.number < len(s.recorded) {
		o.diverge(o.id(), "", nil) // it would happen in the past
	}
}

func (o *operation) check() {
	op, s := o.known.op, o.scope
	switch {
	case op != nil && (op.Type != o.typ || op.SubType != o.subType || op.Name != o.name):
		o.diverge(op.ID, shapeOf(op), nil)
	case s.sealing == loose && !o.virtual && (op == nil || !op.Status.Closed() && !o.detached):
		o.linger()
	case s.sealing == sealed && !o.virtual && (op == nil || !op.Status.Closed() && !o.detached):
		o.diverge(o.id(), "", nil)
	case op == nil:
		o.checkVirtual()
		s.checkOpen(o.kind, o.name)
	}
}

// diverge fails the execution where the code does this operation, and another shape is recorded, or nothing, or where
// it now fails with err.
func (o *operation) diverge(id, recorded string, err error) {
	o.scope.run.fail(&nonDeterminism{ID: id, Recorded: recorded, Current: o.shape(), Err: err})
}

// checkVirtual refuses an operation in place of a virtual context, of which only the operations are recorded.
func (o *operation) checkVirtual() {
	s := o.scope
	if o.virtual || o.number > len(s.recorded) {
		return
	}
	if inner := s.run.history.unrecorded(o.id()); inner != nil {
		o.diverge(inner.ID, shapeOf(inner), nil)
	}
}

// checkOpen refuses new operations of a scope whose function has returned.
func (s *scope) checkOpen(k *kind, name string) {
	s.run.mu.Lock()
	over, unheard := s.life == returned, s.abandonedLocked()
	s.run.mu.Unlock()
	if over {
		s.run.fail(misuse(k.describe(name), "its context is over: the function that got it has returned"))
	}
	if unheard {
		runtime.Goexit()
	}
}

// end frees the context for the next operation, and decides whether the code that follows ran before: it did if the
// next operation was recorded, or if this one had closed before the last invocation ended well.
func (o *operation) end() { o.scope.leave(o.known) }

func (s *scope) leave(known record) {
	op := known.op
	s.leaveAs(op == nil && s.ranOn() || op != nil && op.Status.Closed() && (s.hadSeen(known) || s.ranOn()))
}

// leaveAs is leave for calls that know whether the following code ran before.
func (s *scope) leaveAs(replaying bool) {
	if s.replaying.Load() != replaying {
		s.replaying.Store(replaying)
	}
	s.busy.Store(false)
}

func (o *operation) id() string {
	if o.known.op != nil {
		return o.known.op.ID
	}
	return childID(o.scope.id, o.number)
}

// update is an update of this operation, for the caller to complete.
func (o *operation) update(id string, action protocol.Action) protocol.Update {
	return protocol.Update{ID: id, Type: o.typ, Action: action, ParentID: o.scope.within, Name: o.name,
		SubType: o.subType}
}

// body is the context for a step's body, or for a value of it.
func (o *operation) body(id string, attempt int) *bodyContext {
	return &bodyContext{Context: o.ctx, run: o.scope.run, id: id, name: o.name, attempt: attempt}
}

// value is the context for a value that has to be the same on every run: only the end of the run ends it, not a
// deadline of the code's context.
func (o *operation) value(id string, attempt int) *bodyContext {
	c := o.body(id, attempt)
	c.Context = lasting{o.scope.run.ctx, o.ctx}
	return c
}

// lasting is a context with the values of another.
type lasting struct {
	context.Context
	values context.Context
}

func (c lasting) Value(key any) any { return c.values.Value(key) }

// serdes picks the operation's own, or the default.
func (o *operation) serdes(own Serdes) Serdes {
	if own != nil {
		return own
	}
	return o.settings().serdes
}

// result names the operation's result in messages.
func (o *operation) result() string { return "the result of " + o.describe(o.name) }

func (o *operation) shape() string { return shape(o.typ, o.subType, o.name) }

func shapeOf(op *protocol.Operation) string { return shape(op.Type, op.SubType, op.Name) }

// shape is the part of an operation that replay compares, such as STEP/Step "charge".
func shape(typ protocol.OperationType, subType, name string) string {
	text := string(typ)
	if subType != "" {
		text += "/" + subType
	}
	if name != "" {
		text += fmt.Sprintf(" %q", name)
	}
	return text
}

func scopeOf(ctx Context) *scope {
	if s, ok := ctx.(*scope); ok {
		return s
	}
	if ctx == nil {
		return nil
	}
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

func (k *kind) describe(name string) string { return fmt.Sprintf("%s %q", k.call, name) }

// errorf is the error of a call that breaks a rule.
func (k *kind) errorf(name, format string, args ...any) error {
	return fmt.Errorf("perdure: %s: %w", k.describe(name), fmt.Errorf(format, args...))
}

func validateName(name string) error {
	if len(name) > protocol.MaxName {
		return fmt.Errorf("the name is %d bytes long; at most %d are allowed", len(name), protocol.MaxName)
	}
	for i, r := range name {
		if r < ' ' || r > '~' {
			return fmt.Errorf("the name has %q at byte %d; only printable ASCII is allowed", r, i)
		}
	}
	return nil
}
