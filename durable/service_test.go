package durable_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

const testARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/n/exec"

// service is the part of the durable-execution service that these tests need:
// one execution, kept in memory, strict about transitions and tokens.
type service struct {
	t testing.TB
	// skip makes waits pass at once; otherwise they take their time.
	skip   bool
	offset time.Duration // of the service's clock, when it skips

	mu          sync.Mutex
	execution   *protocol.Operation
	ops         []*protocol.Operation
	token       int // 0 between invocations
	lastToken   int
	changed     map[string]bool // since the last invocation that ended well
	undelivered map[string]bool // since the function was last told
	closed      *output         // by an EXECUTION update

	later   []outside                                // what others will do
	targets map[string]func(payload string) settling // functions that can be invoked
	// handedOut, if set, is told of each callback, with the mutex held.
	handedOut func(op *protocol.Operation)

	pageSize    int // of the state; 0 is all at once
	invocations int
	calls       [][]protocol.Update
	events      []string
	// before, if set, is asked before each checkpoint is applied; after may
	// change the reply or lose it.
	before func(call int) error
	after  func(call int, reply *protocol.CheckpointReply) error
}

// outside is something that others do to an operation: complete a callback,
// end a function. What comes first closes the operation.
type outside struct {
	at   protocol.Timestamp
	op   *protocol.Operation
	what settling
}

// settling is how an operation closes that others close.
type settling struct {
	after   time.Duration
	status  protocol.OperationStatus
	payload *string
	err     *protocol.ErrorObject
}

func succeeds(after time.Duration, payload string) settling {
	return settling{after, protocol.StatusSucceeded, &payload, nil}
}

func fails(after time.Duration, errorType, message string) settling {
	return settling{after, protocol.StatusFailed, nil, &protocol.ErrorObject{ErrorType: errorType, ErrorMessage: message}}
}

// settles arranges for op to close.
func (s *service) settles(op *protocol.Operation, what settling) {
	s.later = append(s.later, outside{s.now().Add(what.after), op, what})
}

// output is how an invocation, or an execution, ended.
type output struct {
	Status protocol.InvocationStatus
	Result *string
	Error  *protocol.ErrorObject
}

func (o output) result() string {
	if o.Result == nil {
		return ""
	}
	return *o.Result
}

func (o output) errorText() string {
	if o.Error == nil {
		return ""
	}
	return o.Error.ErrorType + ": " + o.Error.ErrorMessage
}

func newService(t testing.TB, input string) *service {
	exec := &protocol.Operation{
		ID: "exec", Type: protocol.TypeExecution, Status: protocol.StatusStarted,
		Start: protocol.TimestampOf(time.Now()), Payload: &input,
	}
	return &service{
		t: t, execution: exec, changed: map[string]bool{"exec": true}, undelivered: make(map[string]bool),
	}
}

// run invokes h until the execution is closed, and lets time pass in between.
func (s *service) run(h *durable.Handler) output {
	s.t.Helper()
	for range 100 {
		out, err := s.invoke(h)
		switch {
		case err != nil:
			time.Sleep(time.Second)
		case out.Status != protocol.InvocationPending:
			return out
		default:
			s.sleep()
		}
	}
	s.t.Fatal("100 invocations did not end the execution")
	return output{}
}

// invoke runs one invocation.
func (s *service) invoke(h *durable.Handler) (output, error) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	return s.invokeWith(ctx, h)
}

func (s *service) invokeWith(ctx context.Context, h *durable.Handler) (output, error) {
	s.t.Helper()
	before := runtime.NumGoroutine()
	reply, err := h.Invoke(ctx, s.envelope())
	s.noGoroutineLeft(before)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = 0
	if err != nil {
		return output{}, err
	}
	var out output
	if err := json.Unmarshal(reply, &out); err != nil {
		s.t.Fatalf("reply %s: %v", reply, err)
	}
	s.changed = make(map[string]bool)
	if out.Status == protocol.InvocationPending && s.closed == nil {
		s.checkPending()
	}
	if s.closed != nil {
		return *s.closed, nil
	}
	return out, nil
}

func (s *service) checkPending() {
	for _, op := range s.ops {
		if op.Type != protocol.TypeContext && !op.Status.Closed() {
			return
		}
	}
	s.t.Error("the function answered PENDING with nothing pending")
}

func (s *service) envelope() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.invocations++
	s.tick()
	s.undelivered = make(map[string]bool)
	s.lastToken++
	s.token = s.lastToken
	all := s.visible()
	first := all
	in := &protocol.InvocationInput{DurableExecutionArn: testARN, CheckpointToken: strconv.Itoa(s.token)}
	if s.pageSize > 0 && len(all) > s.pageSize {
		first = all[:s.pageSize]
		in.InitialExecutionState.NextMarker = strconv.Itoa(s.pageSize)
	}
	in.InitialExecutionState.Operations = first
	for _, op := range all {
		if s.changed[op.ID] {
			in.UpdatedOperationIds = append(in.UpdatedOperationIds, op.ID)
		}
	}
	return protocol.AppendInput(nil, in)
}

// visible is the state: without what lies below contexts that closed for good.
func (s *service) visible() []*protocol.Operation {
	list := []*protocol.Operation{s.execution}
	for _, op := range s.ops {
		hidden := false
		for p := s.find(op.ParentID); p != nil; p = s.find(p.ParentID) {
			hidden = hidden || p.Status.Closed() && !p.ReplayChildren
		}
		if !hidden {
			list = append(list, op)
		}
	}
	return list
}

func (s *service) find(id string) *protocol.Operation {
	for _, op := range s.ops {
		if op.ID == id && id != "" {
			return op
		}
	}
	return nil
}

// tick completes what is due.
func (s *service) tick() {
	now := s.now()
	for _, op := range s.ops {
		switch {
		case op.Type == protocol.TypeWait && op.Status == protocol.StatusStarted && op.ScheduledEnd <= now:
			op.Status, op.End = protocol.StatusSucceeded, now
			s.note(op, "WaitSucceeded")
		case op.Type == protocol.TypeStep && op.Status == protocol.StatusPending && op.NextAttempt <= now:
			op.Status, op.NextAttempt = protocol.StatusReady, 0
			s.note(op, "")
		}
	}
	slices.SortStableFunc(s.later, func(a, b outside) int { return cmp.Compare(a.at, b.at) })
	for _, l := range s.later {
		if l.at <= now && !l.op.Status.Closed() {
			l.op.Status, l.op.Payload, l.op.Error, l.op.End = l.what.status, l.what.payload, l.what.err, now
			s.note(l.op, eventPrefix[l.op.Type]+closings[l.what.status])
		}
	}
}

var closings = map[protocol.OperationStatus]string{
	protocol.StatusSucceeded: "Succeeded", protocol.StatusFailed: "Failed", protocol.StatusTimedOut: "TimedOut", protocol.StatusStopped: "Stopped",
}

// sleep lets time pass to the next timer.
func (s *service) sleep() {
	s.mu.Lock()
	var next protocol.Timestamp
	for _, op := range s.ops {
		for _, due := range []protocol.Timestamp{op.NextAttempt, op.ScheduledEnd} {
			if due != 0 && !op.Status.Closed() && (next == 0 || due < next) {
				next = due
			}
		}
	}
	for _, l := range s.later {
		if !l.op.Status.Closed() && (next == 0 || l.at < next) {
			next = l.at
		}
	}
	s.mu.Unlock()
	if next == 0 {
		s.t.Fatal("the execution is suspended without a timer")
	}
	if s.skip {
		s.offset += next.Sub(s.now())
		return
	}
	time.Sleep(time.Until(next.Time()))
}

func (s *service) now() protocol.Timestamp { return protocol.TimestampOf(time.Now().Add(s.offset)) }

// note records that op changed, and the event that goes with it.
func (s *service) note(op *protocol.Operation, event string) {
	s.changed[op.ID] = true
	s.undelivered[op.ID] = true
	if event != "" {
		s.events = append(s.events, event+" "+op.Name)
	}
}

func (s *service) State(_ context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkToken(req.Token); err != nil {
		return nil, err
	}
	all := s.visible()
	from, err := strconv.Atoi(req.Marker)
	if err != nil || req.MaxItems != protocol.MaxPage {
		s.t.Errorf("state request with marker %q, MaxItems %d", req.Marker, req.MaxItems)
	}
	reply := &protocol.StateReply{Operations: copies(all[from:min(len(all), from+s.pageSize)])}
	if from+s.pageSize < len(all) {
		reply.NextMarker = strconv.Itoa(from + s.pageSize)
	}
	return reply, nil
}

func (s *service) checkToken(token string) error {
	if s.token == 0 || token != strconv.Itoa(s.token) {
		return protocol.Errorf(protocol.CodeInvalidParameter, "%s", protocol.StaleTokenMessage)
	}
	return nil
}

func (s *service) Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, slices.Clone(req.Updates))
	call := len(s.calls)
	if s.before != nil {
		if err := s.before(call); err != nil {
			return nil, err
		}
	}
	if err := s.checkToken(req.Token); err != nil {
		return nil, err
	}
	if err := s.apply(req.Updates); err != nil {
		s.t.Errorf("checkpoint %d was refused: %v", call, err)
		return nil, err
	}
	reply := s.reply()
	if s.after != nil {
		return reply, s.after(call, reply)
	}
	return reply, nil
}

func (s *service) reply() *protocol.CheckpointReply {
	s.tick()
	reply := new(protocol.CheckpointReply)
	for _, op := range s.ops {
		if s.undelivered[op.ID] {
			reply.Operations = append(reply.Operations, op)
		}
	}
	reply.Operations = copies(reply.Operations)
	s.undelivered = make(map[string]bool)
	if s.closed == nil {
		s.lastToken++
		s.token = s.lastToken
		reply.Token = strconv.Itoa(s.token)
	}
	return reply
}

func copies(ops []*protocol.Operation) []*protocol.Operation {
	out := make([]*protocol.Operation, len(ops))
	for i, op := range ops {
		c := *op
		out[i] = &c
	}
	return out
}

// apply applies a batch; it is only ever refused because of a bug.
func (s *service) apply(updates []protocol.Update) error {
	seen := make(map[string]protocol.Action)
	for i, u := range updates {
		first, dup := seen[u.ID]
		switch {
		case dup && (first != protocol.ActionStart || u.Action == protocol.ActionStart || u.Type == protocol.TypeWait):
			return fmt.Errorf("two updates of %s in one batch", u.ID)
		case u.Type == protocol.TypeExecution && i != len(updates)-1:
			return errors.New("EXECUTION must be the last update")
		case u.ParentID != "" && (s.find(u.ParentID) == nil || s.find(u.ParentID).Status.Closed()):
			return fmt.Errorf("parent %s of %s is not open", u.ParentID, u.ID)
		}
		seen[u.ID] = u.Action
		if err := s.applyOne(&u); err != nil {
			return fmt.Errorf("%s %s %s: %w", u.Action, u.Type, u.ID, err)
		}
	}
	return nil
}

var errTransition = errors.New("the operation is not in a state for that")

func (s *service) applyOne(u *protocol.Update) error {
	now := s.now()
	op := s.find(u.ID)
	fresh := op == nil
	if fresh {
		op = &protocol.Operation{ID: u.ID, Type: u.Type, ParentID: u.ParentID, Name: u.Name, SubType: u.SubType, Start: now}
	}
	open := fresh || op.Status == protocol.StatusStarted || op.Status == protocol.StatusReady
	event := ""
	switch {
	case u.Type == protocol.TypeExecution:
		s.closed = &output{Status: protocol.InvocationSucceeded, Result: u.Payload, Error: u.Error}
		return nil
	case u.Action == protocol.ActionStart && !fresh && (u.Type != protocol.TypeStep || op.Status != protocol.StatusReady):
		return errTransition
	case u.Action != protocol.ActionStart && !open:
		return errTransition
	case u.Action == protocol.ActionStart:
		op.Status, event = protocol.StatusStarted, "Started"
		if u.WaitOptions != nil {
			op.ScheduledEnd = now.AddSeconds(u.WaitOptions.WaitSeconds)
		}
		s.startOutside(op, u)
	case u.Action == protocol.ActionSucceed:
		op.Status, op.Payload, op.Error, op.End, event = protocol.StatusSucceeded, u.Payload, nil, now, "Succeeded"
		op.ReplayChildren = u.ContextOptions != nil && u.ContextOptions.ReplayChildren
		op.Attempt++
	case u.Action == protocol.ActionFail:
		op.Status, op.Error, op.End, event = protocol.StatusFailed, u.Error, now, "Failed"
		op.Attempt++
	case u.Action == protocol.ActionCancel:
		op.Status, op.End, event = protocol.StatusCancelled, now, "Cancelled"
	case u.Action == protocol.ActionRetry:
		op.Status, op.Payload, op.Error, event = protocol.StatusPending, u.Payload, u.Error, "Retried"
		if u.Error != nil {
			event = "Failed"
		}
		op.Attempt++
		op.NextAttempt = now.AddSeconds(u.StepOptions.NextAttemptDelaySeconds)
	}
	if fresh {
		s.ops = append(s.ops, op)
	}
	s.note(op, eventPrefix[op.Type]+event)
	return nil
}

var eventPrefix = map[protocol.OperationType]string{
	protocol.TypeStep: "Step", protocol.TypeWait: "Wait", protocol.TypeContext: "Context",
	protocol.TypeCallback: "Callback", protocol.TypeChainedInvoke: "ChainedInvoke",
}

// startOutside begins what others will end.
func (s *service) startOutside(op *protocol.Operation, u *protocol.Update) {
	switch {
	case u.ChainedInvokeOptions != nil:
		target := s.targets[u.ChainedInvokeOptions.FunctionName]
		if target == nil {
			target = func(string) settling { return fails(0, "ResourceNotFoundException", "Function not found") }
		}
		s.settles(op, target(*u.Payload))
	case u.CallbackOptions != nil:
		op.CallbackID = "cb-" + op.ID
		for errorType, seconds := range map[string]int64{
			protocol.ErrorTypeCallbackTimeout: u.CallbackOptions.TimeoutSeconds, protocol.ErrorTypeCallbackHeartbeat: u.CallbackOptions.HeartbeatTimeoutSeconds,
		} {
			if seconds > 0 {
				s.settles(op, settling{time.Duration(seconds) * time.Second, protocol.StatusTimedOut, nil, &protocol.ErrorObject{ErrorType: errorType}})
			}
		}
		if s.handedOut != nil {
			s.handedOut(op)
		}
	}
}

// eventsSoFar may be called while an invocation is under way.
func (s *service) eventsSoFar() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// updates is how many updates all checkpoints had.
func (s *service) updates() (n int) {
	for _, c := range s.calls {
		n += len(c)
	}
	return n
}

// simulate runs an execution of an example to its end, in no time, and prints
// how it ended.
func simulate(h *durable.Handler, svc *service) {
	switch out := svc.run(h); out.Status {
	case protocol.InvocationSucceeded:
		fmt.Println("succeeded:", out.result())
	default:
		fmt.Println("failed:", out.errorText())
	}
}

// simulated is the service for an example.
func simulated(input string) *service {
	svc := newService(loud{}, input)
	svc.skip = true
	return svc
}

// loud stands in for a test in examples, which have none.
type loud struct{ testing.TB }

func (loud) Helper()                      {}
func (loud) Context() context.Context     { return context.Background() }
func (loud) Error(args ...any)            { panic(fmt.Sprint(args...)) }
func (loud) Errorf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (loud) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }
func (loud) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

// bubble runs a test under virtual time; it fails if a goroutine is left over.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}
