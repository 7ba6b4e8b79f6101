package machine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// epoch is when the test executions start.
const epoch = protocol.Timestamp(1_767_225_600_000) // 2026-01-01T00:00:00Z

// identity is that of the test executions: a day to run in, a week to be read.
func identity() machine.Identity {
	return machine.Identity{
		ARN: protocol.ARN{
			Partition: "aws", Region: "us-east-1", Account: "000000000000",
			Function: "order", Version: "1", Name: "order-1", ID: "0001",
		},
		ExecutionTimeout: 24 * 3600,
		RetentionDays:    7,
	}
}

// run drives one execution as an engine would, in memory.
type run struct {
	t       testing.TB
	rules   *machine.Rules
	limit   machine.CrashLimit
	now     protocol.Timestamp
	x       *machine.Execution
	journal [][]byte
	records []machine.Record // of all entries
	fence   machine.Fence    // what the function's token stands for
	calls   int              // invocations begun
	targets int              // chained invokes resolved

	awaited map[string]bool // calls of plain functions, as drafts told of them
}

func newRun(t testing.TB) *run { return newRunWith(t, identity(), nil) }

func newRunWith(t testing.TB, id machine.Identity, rules *machine.Rules) *run {
	t.Helper()
	r := &run{t: t, rules: rules, now: epoch}
	r.commit(machine.Start(id, str(`{"order":1}`), r.now, rules))
	return r
}

// invoked is a run whose first invocation is in flight.
func invoked(t testing.TB) *run {
	t.Helper()
	r := newRun(t)
	r.invoke()
	return r
}

func str(s string) *string { return &s }

// do applies one input and commits what it recorded, refused or not.
func (r *run) do(input func(*machine.Draft) error) error {
	d := r.x.Draft(r.now)
	err := input(d)
	r.commit(d)
	return err
}

func (r *run) commit(d *machine.Draft) {
	records := d.Records()
	if len(records) == 0 {
		return
	}
	r.journal = append(r.journal, machine.Encode(records))
	r.records = append(r.records, records...)
	begun, over := d.CallChanges()
	r.x = d.Publish()
	r.follow(begun, over)
}

// follow checks that drafts tell of every call that comes and goes.
func (r *run) follow(begun map[string]*machine.InvokeTarget, over []string) {
	r.t.Helper()
	if r.awaited == nil {
		r.awaited = map[string]bool{}
	}
	for id := range begun {
		r.awaited[id] = true
	}
	for _, id := range over {
		delete(r.awaited, id)
	}
	calls := r.x.Calls()
	for id := range calls {
		if !r.awaited[id] || r.x.Call(id) == nil {
			r.t.Fatalf("call %s is awaited, and no draft told of its beginning", id)
		}
	}
	if len(calls) != len(r.awaited) {
		r.t.Fatalf("drafts told of the calls %v; those are awaited: %v", r.awaited, calls)
	}
}

func (r *run) sleep(seconds int64) { r.now = r.now.AddSeconds(seconds) }

// fire lets the timers fire.
func (r *run) fire() {
	r.do(func(d *machine.Draft) error { d.FireTimers(); return nil })
}

// invoke begins an invocation, which the execution must want.
func (r *run) invoke() {
	r.t.Helper()
	r.fire()
	if !r.x.WantsInvocation(r.now) {
		r.t.Fatalf("no invocation is wanted now; next at %v, status %s", r.x.InvokeAt(), r.x.Status())
	}
	r.calls++
	r.do(func(d *machine.Draft) error { d.BeginInvocation(r.requestID()); return nil })
	r.fence = r.x.Fence()
}

func (r *run) requestID() string { return fmt.Sprintf("request-%d", r.calls) }

// checkpoint sends updates with the current token.
func (r *run) checkpoint(updates ...protocol.Update) (*machine.Reply, error) {
	return r.send("", updates...)
}

// send is checkpoint with a client token. The function moves on to the token of
// the reply.
func (r *run) send(clientToken string, updates ...protocol.Update) (*machine.Reply, error) {
	reply, err := r.sendAt(r.fence, clientToken, updates...)
	if err == nil {
		r.fence = reply.Fence
	}
	return reply, err
}

func (r *run) sendAt(fence machine.Fence, clientToken string, updates ...protocol.Update) (reply *machine.Reply, err error) {
	err = r.do(func(d *machine.Draft) error {
		reply, err = d.Checkpoint(r.request(fence, clientToken, updates))
		return err
	})
	return reply, err
}

func (r *run) request(fence machine.Fence, clientToken string, updates []protocol.Update) *machine.Checkpoint {
	return &machine.Checkpoint{
		Fence: fence, ClientToken: clientToken, Updates: updates,
		CallbackID: callbackID, Resolve: r.resolve,
	}
}

func callbackID(position int) string { return fmt.Sprintf("callback-%d", position) }

// resolve knows durable functions, plain ones, and nothing that is missing.
func (r *run) resolve(opts *protocol.ChainedInvokeOptions) (*machine.InvokeTarget, *protocol.ErrorObject, error) {
	switch {
	case strings.HasPrefix(opts.FunctionName, "elsewhere"):
		return nil, nil, protocol.Errorf(protocol.CodeInvalidParameter, "It is elsewhere.")
	case strings.HasPrefix(opts.FunctionName, "missing"):
		return nil, &protocol.ErrorObject{ErrorType: "ResourceNotFoundException",
			ErrorMessage: "Function not found: " + opts.FunctionName}, nil
	case strings.HasPrefix(opts.FunctionName, "plain"):
		return &machine.InvokeTarget{Version: "3"}, nil, nil
	}
	r.targets++
	return &machine.InvokeTarget{
		Version: "2",
		ARN: fmt.Sprintf("arn:aws:lambda:us-east-1:000000000000:function:%s:2/durable-execution/child/%d", opts.FunctionName,
			r.targets),
	}, nil, nil
}

// must fails the test if a checkpoint was refused.
func (r *run) must(reply *machine.Reply, err error) *machine.Reply {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("the checkpoint was refused: %v", err)
	}
	return reply
}

// end ends the invocation in flight with an answer.
func (r *run) end(answer string) {
	r.do(func(d *machine.Draft) error {
		d.EndInvocation(r.requestID(), machine.Ending{Answer: []byte(answer)}, r.limit)
		return nil
	})
}

// crash ends the invocation in flight with a failure.
func (r *run) crash(errorType string) {
	r.do(func(d *machine.Draft) error {
		d.EndInvocation(r.requestID(), machine.Ending{Failure: &protocol.ErrorObject{ErrorType: errorType}}, r.limit)
		return nil
	})
}

const pending = `{"Status":"PENDING"}`

// reload returns the execution that a restart would read.
func (r *run) reload() *machine.Execution {
	r.t.Helper()
	l := machine.Load(r.rules)
	for _, entry := range r.journal {
		if err := l.Add(entry); err != nil {
			r.t.Fatalf("reading the journal: %v", err)
		}
	}
	x, err := l.Execution()
	if err != nil {
		r.t.Fatalf("reading the journal: %v", err)
	}
	return x
}

// vet checks that another engine would take the records.
func (r *run) vet() {
	r.t.Helper()
	var records []machine.Record
	for _, entry := range r.journal {
		more, err := machine.Decode(entry)
		if err != nil {
			r.t.Fatal(err)
		}
		records = append(records, more...)
	}
	if err := machine.Vet(records, r.now, r.rules); err != nil {
		r.t.Errorf("another engine would refuse what was recorded: %v", err)
	}
}

// op returns the operation with this id, which must be visible.
func (r *run) op(id string) *protocol.Operation {
	r.t.Helper()
	for _, o := range ops(r.x) {
		if o.ID == id {
			return o
		}
	}
	r.t.Fatalf("operation %q is not visible", id)
	return nil
}

// ops returns all operations that a function may see.
func ops(x *machine.Execution) []*protocol.Operation {
	all, _ := x.Page(0, 1<<30, 1<<50)
	return all
}

// ids returns "id:STATUS" of each operation.
func ids(ops []*protocol.Operation) []string {
	out := []string{}
	for _, o := range ops {
		out = append(out, o.ID+":"+string(o.Status))
	}
	return out
}

// types returns the types of the history's events from EventId first on.
func (r *run) types(first int64) []protocol.EventType {
	out := []protocol.EventType{}
	for i := range r.records {
		if ev := &r.records[i].Event; ev.ID >= first && r.records[i].IsHistory() {
			out = append(out, ev.Type)
		}
	}
	return out
}

// lastEvent returns the latest event of the history.
func (r *run) lastEvent() *protocol.Event {
	for i := len(r.records) - 1; ; i-- {
		if r.records[i].IsHistory() {
			return &r.records[i].Event
		}
	}
}

// encode returns the JSON of a reply as clients get it.
func encode(reply *machine.Reply) string {
	return fmt.Sprint(reply.Fence, reply.Final) + string(protocol.AppendOperations(nil, reply.Operations, protocol.API))
}

// equal fails the test if got is not want.
func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// refused fails the test if err is not the refusal with this message.
func refused(t testing.TB, err error, message string) {
	t.Helper()
	refusedAs(t, err, protocol.CodeInvalidParameter, message)
}

func refusedAs(t testing.TB, err error, code protocol.Code, message string) {
	t.Helper()
	var coded *protocol.Error
	if !errors.As(err, &coded) {
		t.Fatalf("got error %v, want the refusal %q", err, message)
	}
	equal(t, "refusal", *coded, protocol.Error{Code: code, Message: message})
}

// Short forms of updates.

func update(typ protocol.OperationType, action protocol.Action, id string) protocol.Update {
	return protocol.Update{ID: id, Type: typ, Action: action}
}

func step(action protocol.Action, id string) protocol.Update {
	return update(protocol.TypeStep, action, id)
}

func succeed(id, result string) protocol.Update {
	u := step(protocol.ActionSucceed, id)
	u.Payload = &result
	return u
}

func retry(id string, delay int64) protocol.Update {
	u := step(protocol.ActionRetry, id)
	u.Error = &protocol.ErrorObject{ErrorType: "Oops"}
	u.StepOptions = &protocol.StepOptions{NextAttemptDelaySeconds: delay}
	return u
}

func wait(id string, seconds int64) protocol.Update {
	u := update(protocol.TypeWait, protocol.ActionStart, id)
	u.WaitOptions = &protocol.WaitOptions{WaitSeconds: seconds}
	return u
}

func callback(id string, timeout, heartbeat int64) protocol.Update {
	u := update(protocol.TypeCallback, protocol.ActionStart, id)
	u.CallbackOptions = &protocol.CallbackOptions{TimeoutSeconds: timeout, HeartbeatTimeoutSeconds: heartbeat}
	return u
}

func invoke(id, function string) protocol.Update {
	u := update(protocol.TypeChainedInvoke, protocol.ActionStart, id)
	u.ChainedInvokeOptions = &protocol.ChainedInvokeOptions{FunctionName: function}
	return u
}

func openContext(id string) protocol.Update {
	return update(protocol.TypeContext, protocol.ActionStart, id)
}

func closeContext(id, result string, replay bool) protocol.Update {
	u := update(protocol.TypeContext, protocol.ActionSucceed, id)
	u.Payload = &result
	if replay {
		u.ContextOptions = &protocol.ContextOptions{ReplayChildren: true}
	}
	return u
}

func in(parent string, u protocol.Update) protocol.Update {
	u.ParentID = parent
	return u
}

func finish(result string) protocol.Update {
	u := update(protocol.TypeExecution, protocol.ActionSucceed, "execution-result-1")
	u.Payload = &result
	return u
}
