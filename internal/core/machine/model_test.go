package machine_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// TestModel sends executions random inputs, right and wrong ones, and after
// each compares them with what a function, a restart and a reader of the
// history would see.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(t, rt)
		again := func(rt *rapid.T) {
			if !m.x.Status().Closed() || rapid.IntRange(0, 2).Draw(rt, "stay") == 0 {
				rt.Skip()
			}
			*m = *newModel(t, rt)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"checkpoint": m.checkpointInput,
			"repeat":     m.repeatInput,
			"stale":      m.staleInput,
			"invoke":     m.invokeInput,
			"end":        m.endInput,
			"timers":     m.timersInput,
			"callback":   m.callbackInput,
			"outcome":    m.outcomeInput,
			"stop":       m.stopInput,
			"pause":      m.pauseInput,
			"resume":     m.resumeInput,
			"delete":     m.deleteInput,
			"fork":       m.forkIt,
			"restart":    func(*rapid.T) { m.x = m.reload() },
			"drop":       m.dropInput,
			"again":      again,
			"":           m.check,
		})
	})
}

// model is a run with a function that believes what it is told.
type model struct {
	run
	rt      *rapid.T
	twin    *machine.Loader   // fed with the same entries
	outline *machine.Loader   // the same, without what operations hold
	view    map[string]string // operations as the function in flight knows them
	known   map[string]string // operations as functions have been told for good
	old     []machine.Fence   // tokens that were used
	begun   int               // invocations that were begun
	last    *accepted

	interrupted bool // a pause ends the invocation in flight
	progressed  bool // the invocation in flight has recorded something
}

// accepted is a checkpoint that may be repeated.
type accepted struct {
	fence machine.Fence
	token string
	reply string
}

func newModel(t testing.TB, rt *rapid.T) *model {
	id := identity()
	id.ExecutionTimeout = rapid.SampledFrom([]int64{20, 5000, 1_000_000}).Draw(rt, "timeout")
	if rapid.Bool().Draw(rt, "child") {
		id.ParentARN, id.ParentOperation = identity().ARN.String(), "1"
	}
	rules := &machine.Rules{
		MaxOperations:  rapid.SampledFrom([]int{0, 0, 5}).Draw(rt, "max operations"),
		MaxStoredBytes: rapid.SampledFrom([]int{0, 0, 40}).Draw(rt, "max bytes"),
	}
	m := &model{
		run: *newRunWith(fatal{t, rt}, id, rules), rt: rt,
		twin: machine.Load(rules), outline: machine.LoadOutline(rules), known: map[string]string{},
	}
	m.limit = machine.CrashLimit{
		Crashes: rapid.SampledFrom([]int{0, 3}).Draw(rt, "max crashes"), Pause: rapid.Bool().Draw(rt, "pause at the limit"),
	}
	return m
}

// fatal reports failures of helpers to rapid, which then shrinks the inputs.
type fatal struct {
	testing.TB
	rt *rapid.T
}

func (f fatal) Helper()                           { f.rt.Helper() }
func (f fatal) Errorf(format string, args ...any) { f.rt.Errorf(format, args...) }
func (f fatal) Error(args ...any)                 { f.rt.Error(args...) }
func (f fatal) Fatalf(format string, args ...any) { f.rt.Fatalf(format, args...) }
func (f fatal) Fatal(args ...any)                 { f.rt.Fatal(args...) }

// visible returns the JSON of the operations that a function may see, by id.
func visible(x *machine.Execution) map[string]string {
	out := map[string]string{}
	for _, o := range ops(x) {
		out[o.ID] = string(protocol.AppendOperation(nil, o, protocol.Envelope))
	}
	return out
}

// differs returns the ids of operations that are not as in old.
func differs(x *machine.Execution, old map[string]string) []string {
	var out []string
	for id, now := range visible(x) {
		if old[id] != now {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (m *model) tick(rt *rapid.T) {
	m.now += protocol.Timestamp(rapid.SampledFrom([]int{0, 0, 1, 500, 1000, 3000, 60_000}).Draw(rt, "ms"))
}

var opIDs = rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"})

// drawUpdate makes an update, mostly one that the operation allows.
func (m *model) drawUpdate(rt *rapid.T) protocol.Update {
	id := opIDs.Draw(rt, "id")
	typ := rapid.SampledFrom([]protocol.OperationType{
		protocol.TypeStep, protocol.TypeStep, protocol.TypeContext, protocol.TypeWait, protocol.TypeCallback, protocol.TypeChainedInvoke,
	}).Draw(rt, "type")
	status := protocol.OperationStatus("")
	if o := m.find(id); o != nil {
		typ, status = o.Type, o.Status
	}
	var allowed []protocol.Action
	for _, action := range protocol.Actions {
		if _, ok := transitions[fmt.Sprint(typ, " ", status, " ", action)]; ok {
			allowed = append(allowed, action)
		}
	}
	wrong := func() bool { return rapid.IntRange(0, 40).Draw(rt, "wrong") == 40 }
	if wrong() || len(allowed) == 0 {
		allowed = protocol.Actions
	}
	u := well(typ, rapid.SampledFrom(allowed).Draw(rt, "action"))
	u.ID = id
	m.drawOptions(rt, &u)
	if contexts := m.open(protocol.TypeContext); len(contexts) > 0 && status == "" && rapid.Bool().Draw(rt, "has parent") {
		u.ParentID = rapid.SampledFrom(contexts).Draw(rt, "parent")
	}
	payload, failure := str(rapid.SampledFrom([]string{"", "1", `"x"`}).Draw(rt, "payload")), &protocol.ErrorObject{ErrorType: "Oops"}
	switch {
	case u.Action == protocol.ActionSucceed:
		u.Payload = payload
	case u.Action == protocol.ActionFail:
		u.Error = failure
	case u.Action == protocol.ActionRetry && rapid.Bool().Draw(rt, "poll"):
		u.Payload = payload
	case u.Action == protocol.ActionRetry:
		u.Error = failure
	}
	switch {
	case wrong():
		u.Payload, u.Error = payload, failure
	case wrong():
		u.ParentID = id
	case wrong():
		u.Type, u.Error = protocol.TypeExecution, nil
	case wrong():
		u.StepOptions, u.WaitOptions, u.ChainedInvokeOptions = nil, nil, nil
	}
	return u
}

func (m *model) drawOptions(rt *rapid.T, u *protocol.Update) {
	seconds := rapid.SampledFrom([]int64{1, 1, 2, 5, 90, 1 << 62})
	if u.WaitOptions != nil {
		u.WaitOptions.WaitSeconds = seconds.Draw(rt, "seconds")
	}
	if u.StepOptions != nil {
		u.StepOptions.NextAttemptDelaySeconds = seconds.Draw(rt, "delay")
	}
	if u.Type == protocol.TypeCallback && rapid.Bool().Draw(rt, "deadlines") {
		u.CallbackOptions = &protocol.CallbackOptions{
			TimeoutSeconds:          rapid.SampledFrom([]int64{0, 1, 2, 5, 90, 1 << 62}).Draw(rt, "timeout"),
			HeartbeatTimeoutSeconds: rapid.SampledFrom([]int64{0, 1, 2, 5, 90}).Draw(rt, "heartbeat"),
		}
	}
	if u.ChainedInvokeOptions != nil {
		u.ChainedInvokeOptions.FunctionName = rapid.SampledFrom([]string{"child", "plain", "missing", "elsewhere"}).Draw(rt, "function")
	}
	if u.Type == protocol.TypeContext && u.Action == protocol.ActionSucceed && rapid.Bool().Draw(rt, "replay") {
		u.ContextOptions = &protocol.ContextOptions{ReplayChildren: true}
	}
}

// open returns the ids of the visible operations of a type that are not closed.
func (m *model) open(typ protocol.OperationType) (out []string) {
	for _, o := range ops(m.x) {
		if o.Type == typ && !o.Status.Closed() {
			out = append(out, o.ID)
		}
	}
	return out
}

// find returns the visible operation with this id, or nil.
func (m *model) find(id string) *protocol.Operation {
	for _, o := range ops(m.x) {
		if o.ID == id {
			return o
		}
	}
	return nil
}

func (m *model) checkpointInput(rt *rapid.T) {
	if !m.x.Invoking() {
		m.invokeInput(rt)
	}
	m.tick(rt)
	updates := make([]protocol.Update, rapid.IntRange(0, 4).Draw(rt, "updates"))
	for i := range updates {
		updates[i] = m.drawUpdate(rt)
	}
	token := rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "client token")
	inbound, valid := m.fence, m.x.Current(m.fence)
	entries, before := len(m.journal), m.x
	reply, err := m.send(token, updates...)
	if err != nil {
		if len(m.journal) != entries || m.x != before {
			rt.Fatal("a refused checkpoint left something")
		}
		return
	}
	if m.last != nil && m.last.fence == inbound && m.last.token == token && token != "" {
		rt.Fatal("the current token is that of a request that was accepted")
	}
	if !valid {
		rt.Fatalf("a checkpoint was accepted with the token %v", inbound)
	}
	if len(m.journal) != entries+1 {
		rt.Fatalf("got %d entries of one checkpoint", len(m.journal)-entries)
	}
	m.progressed = m.progressed || len(updates) > 0
	m.old = append(m.old, inbound)
	m.last = &accepted{inbound, token, encode(reply)}
	if reply.Final {
		m.last = nil
	}
	if m.x.Paused() != nil {
		m.checkInterrupted(rt, reply)
		return
	}
	seen := map[string]bool{}
	for _, o := range reply.Operations {
		if seen[o.ID] {
			rt.Fatalf("operation %q is twice in one reply", o.ID)
		}
		seen[o.ID] = true
		m.view[o.ID] = string(protocol.AppendOperation(nil, o, protocol.Envelope))
	}
	if wrong := differs(m.x, m.view); wrong != nil {
		rt.Fatalf("after a reply the function is wrong about %v", wrong)
	}
}

// repeatInput repeats the last accepted checkpoint: the bytes must be the same
// until another one is accepted, an invocation begins or the execution closes.
func (m *model) repeatInput(rt *rapid.T) {
	if m.last == nil || m.last.token == "" {
		rt.Skip()
	}
	entries := len(m.journal)
	m.tick(rt)
	reply, err := m.sendAt(m.last.fence, m.last.token, m.drawUpdate(rt))
	if m.x.Status().Closed() {
		if err == nil {
			rt.Fatal("a closed execution repeated a reply")
		}
		return
	}
	if err != nil {
		rt.Fatalf("the repeat was refused: %v", err)
	}
	if encode(reply) != m.last.reply || len(m.journal) != entries {
		rt.Fatalf("got %s, want %s", encode(reply), m.last.reply)
	}
}

func (m *model) staleInput(rt *rapid.T) {
	f := machine.Fence{Invocation: rapid.Int64Range(0, 5).Draw(rt, "invocation"), Seq: rapid.Int64Range(0, 20).Draw(rt, "seq")}
	if len(m.old) > 0 && rapid.Bool().Draw(rt, "used") {
		f = rapid.SampledFrom(m.old).Draw(rt, "fence")
	}
	if m.x.Current(f) {
		rt.Skip()
	}
	if _, err := m.sendAt(f, "stale", m.drawUpdate(rt)); err == nil {
		rt.Fatalf("the token %v was accepted, the current one is %v", f, m.x.Fence())
	}
}

func (m *model) invokeInput(rt *rapid.T) {
	m.fire()
	if rapid.Bool().Draw(rt, "in time") && m.x.InvokeAt() > m.now && !m.x.Invoking() {
		m.now = m.x.InvokeAt()
		m.fire()
	}
	if !m.x.WantsInvocation(m.now) {
		rt.Skip()
	}
	if m.x.Invoking() {
		rt.Fatal("a second invocation is wanted")
	}
	m.old = append(m.old, m.fence)
	m.run.invoke()
	m.begun++
	m.last, m.progressed = nil, false
	m.view = visible(m.x)
	// Only what was hidden meanwhile may be named without being visible.
	var told []string
	for _, id := range m.x.Updated() {
		if _, ok := m.view[id]; ok {
			told = append(told, id)
		}
	}
	slices.Sort(told)
	if want := differs(m.x, m.known); !slices.Equal(told, want) {
		rt.Fatalf("got %v as updated, want %v", told, want)
	}
}

func (m *model) endInput(rt *rapid.T) {
	if !m.x.Invoking() {
		rt.Skip()
	}
	m.tick(rt)
	how := rapid.SampledFrom([]string{
		pending, pending, pending, pending, pending, pending, "crash", "lose", "miss", `{}`, `{"Status":"SUCCEEDED","Result":"1"}`,
		`{"Status":"FAILED"}`,
	}).Draw(rt, "how")
	told := m.view
	failures := m.x.Failures()
	counted := failures + 1
	if m.progressed {
		counted = 1
	}
	switch how {
	case "crash":
		m.crash("Runtime.ExitError")
	case "lose":
		m.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil })
	case "miss":
		m.do(func(d *machine.Draft) error {
			d.MissInvocation(m.requestID(), machine.Ending{Failure: &protocol.ErrorObject{ErrorType: protocol.ErrorTypeSandboxFailure}})
			return nil
		})
	default:
		m.end(how)
	}
	if m.x.Invoking() {
		rt.Fatal("the invocation goes on")
	}
	if m.x.Status().Closed() {
		return
	}
	if m.x.Status() == protocol.ExecutionPausing {
		rt.Fatal("nothing holds the pause up any more")
	}
	completed := m.lastCompleted()
	if good := completed.Error == nil; good {
		maps.Copy(m.known, told)
		if m.interrupted { // the resumption will want an invocation
			if m.interrupted = false; m.x.InvokeAt() != m.now {
				rt.Fatalf("an interrupted invocation is made up for at %d, now is %d", m.x.InvokeAt(), m.now)
			}
			return
		}
		// Changes below a closed context count, although nobody will see them.
		wanted := m.x.InvokeAt() != 0 && m.x.InvokeAt() <= m.now
		if owed := append(differs(m.x, told), m.x.HiddenNews()...); (len(owed) > 0) != wanted {
			rt.Fatalf("the function has not heard of %v, wanted invocation at %d, now is %d", owed, m.x.InvokeAt(), m.now)
		}
		return
	}
	m.interrupted = false
	if how == "miss" && (m.x.Failures() != failures || m.x.InvokeAt() <= m.now) {
		rt.Fatalf("got %d failures and a retry at %d after a miss, want %d failures", m.x.Failures(), m.x.InvokeAt(), failures)
	}
	if how != "lose" && how != "miss" && (m.x.Failures() != counted || m.x.InvokeAt() <= m.now) {
		rt.Fatalf("got %d failures and a retry at %d after failure %d", m.x.Failures(), m.x.InvokeAt(), counted)
	}
	if n := m.limit.Crashes; n > 0 && m.x.Failures() >= n && m.x.Status() != protocol.ExecutionPaused && how != "lose" && how != "miss" {
		rt.Fatalf("got %s after %d failures, at most %d are allowed", m.x.Status(), m.x.Failures(), n)
	}
}

func (m *model) timersInput(rt *rapid.T) {
	timeout := m.x.Started().AddSeconds(m.x.Identity().ExecutionTimeout)
	if due := m.x.Due(); !m.x.Status().Closed() && due > m.now && (due < timeout || rapid.IntRange(0, 9).Draw(rt, "time out") == 0) {
		m.now = due
	}
	m.tick(rt)
	m.fire()
}

func (m *model) callbackInput(rt *rapid.T) {
	m.tick(rt)
	position := rapid.IntRange(0, 10).Draw(rt, "position")
	if ids := m.open(protocol.TypeCallback); len(ids) > 0 && rapid.Bool().Draw(rt, "open") {
		fmt.Sscanf(m.op(rapid.SampledFrom(ids).Draw(rt, "callback")).CallbackID, "callback-%d", &position)
	}
	id := callbackID(position)
	before := m.events()
	err := m.do(func(d *machine.Draft) error {
		switch rapid.SampledFrom([]string{"heartbeat", "succeed", "fail"}).Draw(rt, "what") {
		case "heartbeat":
			return d.HeartbeatCallback(position, id)
		case "succeed":
			return d.SucceedCallback(position, id, str("1"))
		}
		return d.FailCallback(position, id, nil)
	})
	if err != nil && slices.ContainsFunc(m.types(before+1), func(t protocol.EventType) bool {
		return t == protocol.EventCallbackSucceeded || t == protocol.EventCallbackFailed
	}) {
		rt.Fatal("a refused callback was completed")
	}
}

func (m *model) events() int64 { return m.x.Events() }

func (m *model) outcomeInput(rt *rapid.T) {
	m.tick(rt)
	status := rapid.SampledFrom([]protocol.ExecutionStatus{
		protocol.ExecutionSucceeded, protocol.ExecutionFailed, protocol.ExecutionTimedOut, protocol.ExecutionStopped,
	}).Draw(rt, "status")
	id := opIDs.Draw(rt, "id")
	if ids := m.open(protocol.TypeChainedInvoke); len(ids) > 0 && rapid.Bool().Draw(rt, "open") {
		id = rapid.SampledFrom(ids).Draw(rt, "invoke")
	}
	m.complete(id, status, nil, nil)
}

func (m *model) stopInput(rt *rapid.T) {
	if rapid.IntRange(0, 9).Draw(rt, "really") > 0 {
		m.do(func(d *machine.Draft) error { d.NotifyParent(); return nil })
		return
	}
	if m.x.OwesChildren() && rapid.Bool().Draw(rt, "cascade ends") {
		m.do(func(d *machine.Draft) error { d.EndCascade(); return nil })
	}
	req := &machine.StopRequest{Kill: rapid.Bool().Draw(rt, "kill"), Cascade: rapid.Bool().Draw(rt, "cascade"), By: "somebody"}
	m.do(func(d *machine.Draft) error { return d.Stop(req) })
	if req.Kill && m.x.Invoking() && !m.x.Killed() {
		rt.Fatal("an invocation is in flight, and nobody is told to end it")
	}
	if how, children := m.x.Cascade(); req.Cascade && m.x.Status().Closed() && how.By == "" && len(children) > 0 {
		rt.Fatalf("the children %v are not to be stopped", children)
	}
}

// pauseInput pauses, which only a running execution does.
func (m *model) pauseInput(rt *rapid.T) {
	m.tick(rt)
	req := &machine.PauseRequest{TimeoutPaused: rapid.Bool().Draw(rt, "timeout paused"), Reason: str("to test")}
	closing := m.x.Invoking() && !m.interrupted && !m.x.Current(m.x.Fence())
	m.fire()
	before := m.x.Status()
	err := m.do(func(d *machine.Draft) error { return d.Pause(req) })
	switch after := m.x.Status(); {
	case before != protocol.ExecutionRunning:
		refusedAs(m.t, err, protocol.CodeConflict, "Cannot pause a durable execution with status "+string(before)+".")
	case closing && after != before:
		rt.Fatal("an execution that is about to close was paused")
	case !closing && m.x.Invoking() && !m.interrupted && after != protocol.ExecutionPausing:
		rt.Fatalf("got %s while an invocation is in flight", after)
	case !closing && (!m.x.Invoking() || m.interrupted) && after != protocol.ExecutionPaused:
		rt.Fatalf("got %s with nothing to wait for", after)
	}
}

func (m *model) resumeInput(rt *rapid.T) {
	m.tick(rt)
	m.fire()
	before, pause, timesOut := m.x.Status(), m.x.Paused(), m.x.TimesOut()
	err := m.do(func(d *machine.Draft) error { return d.Resume(&machine.PauseRequest{}) })
	if before != protocol.ExecutionPaused && before != protocol.ExecutionPausing {
		refusedAs(m.t, err, protocol.CodeConflict, "Cannot resume a durable execution with status "+string(before)+".")
		return
	}
	if m.x.Status() != protocol.ExecutionRunning || m.x.Paused() != nil {
		rt.Fatalf("got %s, %+v after the resumption", m.x.Status(), m.x.Paused())
	}
	if now := m.x.TimesOut(); now > timesOut || !pause.TimeoutPaused && now != timesOut || now <= m.now && m.x.Due() != 0 {
		rt.Fatalf("the execution was to time out at %d, and after its pause %+v at %d", timesOut, pause, now)
	}
}

// deleteInput asks for the deletion, which only a closed execution has.
func (m *model) deleteInput(rt *rapid.T) {
	m.tick(rt)
	m.fire()
	before, outcome, asked := m.x.Status(), m.x.Outcome(), m.x.Deleting()
	err := m.do((*machine.Draft).Delete)
	if !before.Closed() {
		refusedAs(m.t, err, protocol.CodeConflict, "Cannot delete a durable execution with status "+string(before)+".")
		return
	}
	if m.x.Status() != protocol.ExecutionDeleting || m.x.Outcome() != outcome || asked != 0 && m.x.Deleting() != asked {
		rt.Fatalf("after %s, asked for at %d: got %s, %s, asked for at %d", outcome, asked, m.x.Status(), m.x.Outcome(), m.x.Deleting())
	}
	if m.x.Deletable(m.now) == (m.x.OwesParent() || m.x.OwesChildren()) {
		rt.Fatalf("deletable %t, with a parent that waits %t", m.x.Deletable(m.now), m.x.OwesParent())
	}
}

// checkInterrupted: a checkpoint of an execution that is to pause is applied,
// and ends what the invocation may do and learn.
func (m *model) checkInterrupted(rt *rapid.T, reply *machine.Reply) {
	if m.x.Status() == protocol.ExecutionPausing { // its result is in; it closes
		return
	}
	m.interrupted = true
	if !reply.Final || reply.Operations != nil || m.x.Current(m.x.Fence()) || m.x.Current(m.fence) {
		rt.Fatalf("got reply %+v to the checkpoint of an execution that pauses", reply)
	}
}

// lastCompleted returns the latest InvocationCompleted of the history.
func (m *model) lastCompleted() *protocol.Event {
	for i := len(m.records) - 1; ; i-- {
		if ev := &m.records[i].Event; ev.Type == protocol.EventInvocationCompleted {
			return ev
		}
	}
}

// dropInput applies inputs to drafts that nobody publishes.
func (m *model) dropInput(rt *rapid.T) {
	now := m.now.AddSeconds(rapid.Int64Range(0, 300).Draw(rt, "later"))
	m.x.Draft(now).FireTimers()
	updates := []protocol.Update{m.drawUpdate(rt), m.drawUpdate(rt)}
	m.x.Draft(m.now).Checkpoint(m.request(m.fence, "dropped", updates))
	d := m.x.Draft(now)
	for position := range 10 {
		d.SucceedCallback(position, callbackID(position), nil)
	}
	d.CompleteInvoke("a", m.x.Children()["a"], protocol.ExecutionSucceeded, nil, nil)
	d.EndInvocation(m.requestID(), machine.Ending{Answer: []byte(pending)}, machine.CrashLimit{})
	d.LoseInvocation(d.InFlight())
	d.Pause(&machine.PauseRequest{})
	d.Resume(&machine.PauseRequest{})
	d.Stop(nil)
	d.Delete()
}

// check holds after every input.
func (m *model) check(rt *rapid.T) {
	for len(m.journal) > int(m.entriesRead()) {
		if err := m.outline.Add(m.journal[m.entriesRead()]); err != nil {
			rt.Fatalf("reading the outline: %v", err)
		}
		if err := m.twin.Add(m.journal[m.entriesRead()]); err != nil {
			rt.Fatalf("the journal cannot be read: %v", err)
		}
	}
	twin, err := m.twin.Execution()
	if err != nil {
		rt.Fatal(err)
	}
	if !machine.Same(m.x, twin) {
		rt.Fatalf("a restart would read another execution:\n%s\n%s", readings(m.x, m.now), readings(twin, m.now))
	}
	equal(m.t, "readings", readings(twin, m.now), readings(m.x, m.now))
	outline, err := m.outline.Execution()
	if err != nil {
		rt.Fatalf("reading the outline: %v", err)
	}
	equal(m.t, "outline", at(outline, m.now), at(m.x, m.now))
	pending, open := m.x.Pending()
	wantPending, wantOpen := m.x.Recount()
	if pending != wantPending || open != wantOpen {
		rt.Fatalf("got %d pending operations and open ones %v, want %d and %v", pending, open, wantPending, wantOpen)
	}
	doing, since := m.x.Doing(), m.x.Since()
	if idle := m.x.Status().Closed() && !m.x.Invoking(); (doing == 0) != idle || (since == 0) != idle || since > m.now {
		rt.Fatalf("got a %s execution that is doing %b since %d", m.x.Status(), doing, since)
	}
	m.checkHistory(rt)
	m.checkDue(rt)
	if !m.x.Status().Closed() && !m.x.Invoking() && m.view != nil && m.x.InvokeAt() == 0 {
		if owed := differs(m.x, m.view); owed != nil {
			rt.Fatalf("nobody will tell the function of %v", owed)
		}
	}
}

func (m *model) entriesRead() int64 {
	x, err := m.twin.Execution()
	if err != nil {
		return 0
	}
	return x.Entries()
}

// checkDue asserts that timers fire when the execution says, and not before.
func (m *model) checkDue(rt *rapid.T) {
	due := m.x.Due()
	if m.x.Status().Closed() || due == 0 {
		return
	}
	d := m.x.Draft(min(due-1, 1<<60))
	if d.FireTimers(); len(d.Records()) != 0 {
		rt.Fatalf("something fires before %d: %+v", due, d.Records())
	}
	d = m.x.Draft(due)
	if d.FireTimers(); len(d.Records()) == 0 {
		rt.Fatalf("nothing fires at %d", due)
	}
}

// checkHistory replays the history and compares what it says with the state.
func (m *model) checkHistory(rt *rapid.T) {
	told := map[string]*protocol.Operation{}
	var fold history.Fold
	next, completed, closed, paused := int64(1), 0, int64(0), false
	for i := range m.records {
		if !m.records[i].IsHistory() {
			continue
		}
		ev := &m.records[i].Event
		if ev.ID != next {
			rt.Fatalf("event %d follows event %d", ev.ID, next-1)
		}
		next++
		changed := fold.Add(ev)
		if closed != 0 && ev.Type != protocol.EventInvocationCompleted {
			rt.Fatalf("%s came after the close", ev.Type)
		}
		switch ev.Type {
		case protocol.EventInvocationCompleted:
			completed++
		case protocol.EventExecutionSucceeded, protocol.EventExecutionFailed:
			if m.records[i-1].Type != protocol.EventInvocationCompleted {
				rt.Fatalf("%s follows %s", ev.Type, m.records[i-1].Type)
			}
			closed = ev.ID
		case protocol.EventExecutionStopped, protocol.EventExecutionTimedOut:
			closed = ev.ID
		case protocol.EventExecutionPaused, protocol.EventExecutionResumed:
			if resumed := ev.Type == protocol.EventExecutionResumed; resumed != paused {
				rt.Fatalf("%s with a pause %t", ev.Type, paused)
			}
			paused = !paused
		default:
			retell(rt, told, ev)
			if ev.Type != protocol.EventExecutionStarted {
				equal(m.t, "operation "+ev.OpID+" by the fold", changed.Operation, *told[ev.OpID])
			}
		}
	}
	if s := m.x.Status(); s != fold.Status && s != protocol.ExecutionPausing && s != protocol.ExecutionDeleting {
		rt.Fatalf("by the fold the execution is %s, by its status %s", fold.Status, s)
	}
	if want := m.begun - btoi(m.x.Invoking()); completed != want {
		rt.Fatalf("got the ends of %d invocations, want %d", completed, want)
	}
	if (closed != 0) != m.x.Status().Closed() || m.x.Events() != next-1 {
		rt.Fatalf("history closes with event %d of %d, status is %s, last event %d", closed, next-1, m.x.Status(), m.x.Events())
	}
	if closed == 0 && paused != (m.x.Status() == protocol.ExecutionPaused) {
		rt.Fatalf("by its history the execution is paused: %t, by its status %s", paused, m.x.Status())
	}
	for _, o := range ops(m.x) {
		want := *told[o.ID]
		if o.Status == protocol.StatusReady && want.Status == protocol.StatusPending && want.NextAttempt <= m.now {
			want.Status, want.NextAttempt = o.Status, 0 // there is no event for it
		}
		want.ReplayChildren = o.ReplayChildren // history does not tell
		equal(m.t, "operation "+o.ID+" by its history", *o, want)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// retell folds an event the way a reader of the protocol would.
func retell(rt *rapid.T, ops map[string]*protocol.Operation, ev *protocol.Event) {
	o := ops[ev.OpID]
	if o == nil {
		o = &protocol.Operation{ID: ev.OpID, ParentID: ev.ParentID, Name: ev.Name, SubType: ev.SubType, Status: protocol.StatusStarted,
			Start: ev.Time}
		ops[ev.OpID] = o
	}
	end := func(status protocol.OperationStatus) {
		o.Status, o.End, o.Payload, o.Error = status, ev.Time, ev.Payload, ev.Error
	}
	attempt := func(status protocol.OperationStatus) {
		o.Type, o.Attempt = protocol.TypeStep, o.Attempt+1
		if ev.CurrentAttempt != o.Attempt {
			rt.Fatalf("attempt %d follows attempt %d", ev.CurrentAttempt, o.Attempt-1)
		}
		if o.NextAttempt > ev.Time {
			rt.Fatalf("an attempt due at %d ended at %d", o.NextAttempt, ev.Time)
		}
		o.NextAttempt = 0
		if end(status); ev.NextAttemptDelay > 0 {
			o.Status, o.End, o.NextAttempt = protocol.StatusPending, 0, ev.Time.AddSeconds(ev.NextAttemptDelay)
		}
	}
	switch ev.Type {
	case protocol.EventExecutionStarted:
		o.Type, o.Payload = protocol.TypeExecution, ev.Payload
	case protocol.EventContextStarted:
		o.Type = protocol.TypeContext
	case protocol.EventContextSucceeded:
		end(protocol.StatusSucceeded)
	case protocol.EventContextFailed, protocol.EventCallbackFailed, protocol.EventChainedInvokeFailed:
		end(protocol.StatusFailed)
	case protocol.EventWaitStarted:
		o.Type, o.ScheduledEnd = protocol.TypeWait, ev.ScheduledEnd
	case protocol.EventWaitSucceeded:
		if ev.Time < o.ScheduledEnd {
			rt.Fatalf("a wait until %d ended at %d", o.ScheduledEnd, ev.Time)
		}
		end(protocol.StatusSucceeded)
	case protocol.EventWaitCancelled:
		end(protocol.StatusCancelled)
	case protocol.EventStepStarted:
		if o.NextAttempt > ev.Time {
			rt.Fatalf("an attempt due at %d started at %d", o.NextAttempt, ev.Time)
		}
		o.Type, o.Status, o.NextAttempt = protocol.TypeStep, protocol.StatusStarted, 0
	case protocol.EventStepSucceeded:
		attempt(protocol.StatusSucceeded)
	case protocol.EventStepFailed:
		attempt(protocol.StatusFailed)
	case protocol.EventCallbackStarted:
		o.Type, o.CallbackID = protocol.TypeCallback, ev.CallbackID
	case protocol.EventCallbackSucceeded, protocol.EventChainedInvokeSucceeded:
		end(protocol.StatusSucceeded)
	case protocol.EventCallbackTimedOut:
		end(protocol.StatusTimedOut)
		failure := *ev.Error
		failure.ErrorMessage = map[string]string{"Callback.Timeout": "Callback timed out",
			"Callback.Heartbeat": "Callback timed out on heartbeat"}[failure.ErrorType]
		o.Error = &failure
	case protocol.EventChainedInvokeStarted:
		o.Type = protocol.TypeChainedInvoke
	case protocol.EventChainedInvokeTimedOut:
		end(protocol.StatusTimedOut)
	case protocol.EventChainedInvokeStopped:
		end(protocol.StatusStopped)
	default:
		rt.Fatalf("unknown event type %s", ev.Type)
	}
}

// readings is everything that an execution says of itself.
func readings(x *machine.Execution, now protocol.Timestamp) string {
	page, next := x.Page(1, 2, 600)
	result, failure := x.Result()
	return fmt.Sprintln(
		*x.Identity(), x.InputHash(), x.Status(), x.Started(), x.Closed(), show(result), failure, show(x.Input()),
		x.Entries(), x.Events(), x.Invoking(), x.Fence(), x.Failures(), x.InvokeAt(), x.WantsInvocation(now),
		x.Usage(), x.Outcome(), x.Deleting(), x.Deletable(now), describePause(x.Paused()), x.TimesOut(),
		x.Due(), x.Wanted(), x.Expires(), x.Updated(), x.Doing(), x.Since(), x.OwesParent(), x.OwesChildren(), x.Killed(), x.StoppedBy(),
		x.Forks(), x.Redriven(),
		len(x.Calls()), next,
		string(protocol.AppendOperations(nil, page, protocol.API)), string(protocol.AppendOperations(nil, ops(x), protocol.Envelope)),
	)
}

func describePause(p *machine.Pause) string {
	if p == nil {
		return "no pause"
	}
	return fmt.Sprint(p.Requested, p.Since, show(p.Reason), p.TimeoutPaused)
}

func show(s *string) string {
	if s == nil {
		return "<none>"
	}
	return fmt.Sprintf("%q", *s)
}

// at is what an execution is at, without what its operations hold.
func at(x *machine.Execution, now protocol.Timestamp) []machine.Reason {
	reasons := x.Explain(now)
	for i := range reasons {
		r := &reasons[i]
		if r.Operation != nil {
			o := *r.Operation
			o.Payload, o.Error = nil, nil
			r.Operation = &o
		}
		if r.Error != nil {
			r.Error = &protocol.ErrorObject{ErrorType: r.Error.ErrorType, ErrorMessage: r.Error.ErrorMessage}
		}
		if r.Target != nil {
			t := *r.Target
			t.Input, t.TraceHeader = nil, ""
			r.Target = &t
		}
	}
	return reasons
}
