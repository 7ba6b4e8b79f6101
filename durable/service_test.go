package durable_test

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

const testARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/n/exec"

// service is one execution on the machine that the engine drives, too. Time is
// the test's, nothing is stored, and tests do to it what the world does.
type service struct {
	t testing.TB
	// skip makes waits pass at once; otherwise they take their time.
	skip   bool
	offset time.Duration // of the service's clock, when it skips

	mu     sync.Mutex
	x      *machine.Execution
	ops    []*protocol.Operation // all but the execution, as the machine has them now
	events []string              // of the operations: type and name

	later   []outside                                // what others will do
	targets map[string]func(payload string) settling // functions that can be invoked
	// handedOut, if set, is told of each callback, with the mutex held.
	handedOut func(op *protocol.Operation)

	pageSize    int // of the state; 0 is the protocol's
	invocations int
	calls       [][]protocol.Update
	// before, if set, is asked before each checkpoint is applied; after may
	// change the reply or lose it.
	before func(call int) error
	after  func(call int, reply *protocol.CheckpointReply) error
}

// outside is something that others do to an operation: complete a callback,
// end a function. What comes after the operation has closed changes nothing.
type outside struct {
	at   protocol.Timestamp
	id   string
	what settling
}

// settling is how an operation closes that others close.
type settling struct {
	after   time.Duration
	status  protocol.ExecutionStatus // of a callback: whether it failed
	payload *string
	err     *protocol.ErrorObject
}

func succeeds(after time.Duration, payload string) settling {
	return settling{after, protocol.ExecutionSucceeded, &payload, nil}
}

func fails(after time.Duration, errorType, message string) settling {
	return settling{after, protocol.ExecutionFailed, nil, &protocol.ErrorObject{ErrorType: errorType, ErrorMessage: message}}
}

// settles arranges for op to close.
func (s *service) settles(op *protocol.Operation, what settling) {
	s.later = append(s.later, outside{s.now().Add(what.after), op.ID, what})
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
	arn, err := protocol.ParseARN(testARN)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t}
	id := machine.Identity{ARN: arn, ExecutionTimeout: protocol.MaxWaitSeconds, RetentionDays: 1}
	s.commit(machine.Start(id, &input, s.now(), nil))
	return s
}

// run invokes h until the execution is closed, and lets time pass in between.
func (s *service) run(h *durable.Handler) output {
	s.t.Helper()
	for range 100 {
		out, err := s.invoke(h)
		if err == nil && out.Status != protocol.InvocationPending {
			return out
		}
		s.sleep()
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
	return s.end(reply, err)
}

// end ends the invocation with what the handler returned. How the execution
// ended, if it did, is what the machine says.
func (s *service) end(reply []byte, err error) (output, error) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	d := s.x.Draft(s.now())
	var failure *protocol.ErrorObject
	if err != nil {
		failure = &protocol.ErrorObject{ErrorType: "Error", ErrorMessage: err.Error()}
	}
	d.EndInvocation(s.requestID(), machine.Ending{Answer: reply, Failure: failure}, machine.CrashLimit{})
	for _, r := range s.commit(d) {
		if r.BadOutput {
			s.t.Errorf("the service does not take the answer %.1000s: %s", reply, r.Error.ErrorMessage)
		}
	}
	if err != nil || !s.x.Status().Closed() {
		return output{Status: protocol.InvocationPending}, err
	}
	out := output{Status: protocol.InvocationStatus(s.x.Status())}
	out.Result, out.Error = s.x.Result()
	return out, nil
}

func (s *service) requestID() string { return strconv.Itoa(s.invocations) }

// envelope begins an invocation, wanted or not: a service that does not know how
// the last one ended repeats it.
func (s *service) envelope() []byte {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	if s.x.Status().Closed() {
		s.t.Fatalf("the execution is %s already", s.x.Status())
	}
	s.invocations++
	s.apply(s.now(), func(d *machine.Draft) error { d.BeginInvocation(s.requestID()); return nil })
	in := &protocol.InvocationInput{
		DurableExecutionArn: testARN, CheckpointToken: tokenOf(s.x.Fence()), UpdatedOperationIds: s.x.Updated(),
	}
	in.InitialExecutionState.Operations, in.InitialExecutionState.NextMarker = s.page(0)
	return protocol.AppendInput(nil, in)
}

func (s *service) page(from int) (ops []*protocol.Operation, marker string) {
	ops, next := s.x.Page(from, cmp.Or(s.pageSize, protocol.MaxPage), 5<<20)
	if next != 0 {
		marker = strconv.Itoa(next)
	}
	return ops, marker
}

func tokenOf(f machine.Fence) string { return fmt.Sprintf("%d.%d", f.Invocation, f.Seq) }

// fence is what a token stands for; that of another text is never current.
func fence(token string) (f machine.Fence) {
	fmt.Sscanf(token, "%d.%d", &f.Invocation, &f.Seq)
	return f
}

func (s *service) find(id string) *protocol.Operation {
	for _, op := range s.ops {
		if op.ID == id {
			return op
		}
	}
	return nil
}

// apply applies an input at the moment now: all of it, or nothing.
func (s *service) apply(now protocol.Timestamp, input func(*machine.Draft) error) error {
	d := s.x.Draft(now)
	if err := input(d); err != nil {
		return err
	}
	s.commit(d)
	return nil
}

// commit publishes a draft, and tells the world outside of what began.
func (s *service) commit(d *machine.Draft) []machine.Record {
	records := d.Records()
	s.x = d.Publish()
	s.ops = s.x.Operations()[1:]
	for i := range records {
		r := &records[i]
		op := s.find(r.OpID)
		if op == nil || !r.IsHistory() {
			continue // it is about the execution, or an invocation
		}
		s.events = append(s.events, string(r.Type)+" "+r.Name)
		switch {
		case r.Type == protocol.EventCallbackStarted && s.handedOut != nil:
			s.handedOut(op)
		case r.Type == protocol.EventChainedInvokeStarted && s.targets[r.FunctionName] != nil:
			s.settles(op, s.targets[r.FunctionName](*r.Payload))
		}
	}
	return records
}

// tick does what is due: what others do, each at its moment, and timers.
func (s *service) tick() {
	now := s.now()
	slices.SortStableFunc(s.later, func(a, b outside) int { return cmp.Compare(a.at, b.at) })
	for len(s.later) > 0 && s.later[0].at <= now {
		l := s.later[0]
		s.later = s.later[1:]
		s.apply(l.at, func(d *machine.Draft) error {
			i := slices.IndexFunc(s.ops, func(op *protocol.Operation) bool { return op.ID == l.id })
			switch op := s.ops[i]; {
			case op.Type == protocol.TypeChainedInvoke:
				d.CompleteInvoke(op.ID, "", l.what.status, l.what.payload, l.what.err)
				return nil
			case l.what.status == protocol.ExecutionSucceeded:
				return d.SucceedCallback(1+i, op.CallbackID, l.what.payload)
			default:
				return d.FailCallback(1+i, op.CallbackID, l.what.err)
			}
		})
	}
	s.apply(now, func(d *machine.Draft) error { d.FireTimers(); return nil })
}

// sleep lets time pass until an invocation is wanted.
func (s *service) sleep() {
	s.t.Helper()
	for {
		s.mu.Lock()
		s.tick()
		next, wanted := s.x.Due(), s.x.WantsInvocation(s.now())
		if at := s.x.InvokeAt(); at != 0 {
			next = min(next, at)
		}
		if len(s.later) > 0 {
			next = min(next, s.later[0].at)
		}
		s.mu.Unlock()
		switch {
		case wanted:
			return
		case next == 0 || next == s.x.TimesOut():
			s.t.Fatal("the execution is suspended without a timer")
		case s.skip:
			s.offset += next.Sub(s.now())
		default:
			time.Sleep(time.Until(next.Time()))
		}
	}
}

func (s *service) now() protocol.Timestamp { return protocol.TimestampOf(time.Now().Add(s.offset)) }

func (s *service) State(_ context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.x.Current(fence(req.Token)) {
		return nil, machine.StaleToken()
	}
	from, err := strconv.Atoi(req.Marker)
	if err != nil || req.MaxItems != protocol.MaxPage {
		s.t.Errorf("state request with marker %q, MaxItems %d", req.Marker, req.MaxItems)
	}
	reply := new(protocol.StateReply)
	reply.Operations, reply.NextMarker = s.page(from)
	return reply, nil
}

func (s *service) Checkpoint(_ context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, slices.Clone(req.Updates))
	call := len(s.calls)
	if s.before != nil {
		if err := s.before(call); err != nil {
			return nil, err
		}
	}
	s.tick()
	if !s.x.Current(fence(req.Token)) {
		return nil, machine.StaleToken()
	}
	reply := new(protocol.CheckpointReply)
	err := s.apply(s.now(), func(d *machine.Draft) error {
		accepted, err := d.Checkpoint(&machine.Checkpoint{
			Fence: fence(req.Token), Updates: req.Updates, CallbackID: callbackID, Resolve: s.resolve,
		})
		if err != nil {
			return err
		}
		reply.Operations = accepted.Operations
		if !accepted.Final {
			reply.Token = tokenOf(accepted.Fence)
		}
		return nil
	})
	if err != nil { // the SDK has a bug
		s.t.Errorf("checkpoint %d was refused: %v", call, err)
		return nil, err
	}
	if s.after != nil {
		return reply, s.after(call, reply)
	}
	return reply, nil
}

func callbackID(position int) string { return "cb-" + strconv.Itoa(position) }

// resolve knows the functions of targets, which are plain ones.
func (s *service) resolve(opts *protocol.ChainedInvokeOptions) (*machine.InvokeTarget, *protocol.ErrorObject, error) {
	if s.targets[opts.FunctionName] == nil {
		return nil, &protocol.ErrorObject{ErrorType: "ResourceNotFoundException", ErrorMessage: "Function not found"}, nil
	}
	return &machine.InvokeTarget{Version: "1"}, nil, nil
}

// record is an invocation that sends updates, of whatever SDK, and crashes.
func (s *service) record(updates ...protocol.Update) {
	s.t.Helper()
	s.envelope()
	s.Checkpoint(s.t.Context(), &protocol.CheckpointRequest{Token: tokenOf(s.x.Fence()), Updates: updates})
	s.end(nil, errNowhere)
	s.sleep()
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

// answers completes every callback in the same way.
func (s *service) answers(what settling) {
	s.handedOut = func(op *protocol.Operation) { s.settles(op, what) }
}

// shapes lists the operations.
func (s *service) shapes() (shapes []string) {
	for _, op := range s.ops {
		shapes = append(shapes, fmt.Sprintf("%s in %s: %s %s", op.ID, op.ParentID, op.Name, op.Status))
	}
	return shapes
}

// openWaits lists the waits that nobody ended.
func (s *service) openWaits() (names []string) {
	for _, op := range s.ops {
		if op.Type == "WAIT" && !op.Status.Closed() {
			names = append(names, op.Name)
		}
	}
	return names
}

// slowly makes each call of the service take a while.
func (s *service) slowly(d time.Duration) {
	s.after = func(int, *protocol.CheckpointReply) error { time.Sleep(d); return nil }
}

// handle makes a handler without input.
func handle[Out any](svc *service, fn func(durable.Context) (Out, error), opts ...durable.HandlerOption) *durable.Handler {
	opts = append(opts, durable.WithClient(svc))
	return durable.NewHandler(func(ctx durable.Context, _ any) (Out, error) { return fn(ctx) }, opts...)
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
