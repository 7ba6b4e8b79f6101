package machine_test

import (
	"fmt"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// forked returns the fork of r's execution, as a run of its own.
func forked(t *testing.T, r *run, cuts ...machine.Cut) *run {
	t.Helper()
	f := &run{t: t, now: r.now.AddSeconds(1000), targets: 100}
	id := identity()
	id.ARN.Name, id.ARN.ID = "order-1-2", "0002"
	d, err := r.x.Fork(r.records, &machine.ForkRequest{
		Identity: id, Cuts: cuts, Resolve: f.resolve,
		CallbackID: func(position int) string { return fmt.Sprintf("forked-%d", position) },
	}, f.now, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.commit(d)
	if !machine.Same(f.x, f.reload()) {
		t.Error("what is read back is another execution")
	}
	for i := range f.records {
		if f.records[i].Time != f.now {
			t.Errorf("%s is dated %d, want the time of the fork", f.records[i].Type, f.records[i].Time)
		}
	}
	return f
}

// tree is what the fork tests copy: a step, a context in which a step failed
// after one that succeeded, and a step after that.
func tree(t *testing.T) *run {
	r := invoked(t)
	bad := step(protocol.ActionFail, "2-2")
	bad.Error = &protocol.ErrorObject{ErrorMessage: "declined"}
	failed := update(protocol.TypeContext, protocol.ActionFail, "2")
	failed.Error = bad.Error
	r.must(r.checkpoint(
		succeed("1", `"a"`), openContext("2"), in("2", succeed("2-1", `"b"`)), in("2", bad), in("2", succeed("2-3", `"undo"`)),
	))
	r.must(r.checkpoint(failed, succeed("3", `"c"`)))
	r.end(`{"Status":"FAILED","Error":{"ErrorMessage":"declined"}}`)
	return r
}

func TestFork(t *testing.T) {
	text := `"edited"`
	for _, test := range []struct {
		name string
		cuts []machine.Cut
		want []string
	}{
		{"everything", nil, []string{"0002:STARTED", "1:SUCCEEDED", "2:FAILED", "3:SUCCEEDED"}},
		{"before the first", []machine.Cut{{Operation: "1"}}, []string{"0002:STARTED"}},
		{"behind the first", []machine.Cut{{Operation: "1", Keep: true}}, []string{"0002:STARTED", "1:SUCCEEDED"}},
		{"before one in a context", []machine.Cut{{Operation: "2-2"}},
			[]string{"0002:STARTED", "1:SUCCEEDED", "2:STARTED", "2-1:SUCCEEDED"}},
		{"behind one in a context", []machine.Cut{{Operation: "2-2", Keep: true}},
			[]string{"0002:STARTED", "1:SUCCEEDED", "2:STARTED", "2-1:SUCCEEDED", "2-2:FAILED"}},
		{"before the context", []machine.Cut{{Operation: "2"}}, []string{"0002:STARTED", "1:SUCCEEDED"}},
		{"behind the context", []machine.Cut{{Operation: "2", Keep: true}}, []string{"0002:STARTED", "1:SUCCEEDED", "2:FAILED"}},
		{"the context open again", []machine.Cut{{Operation: "2", Reopen: true}},
			[]string{"0002:STARTED", "1:SUCCEEDED", "2:STARTED", "2-1:SUCCEEDED", "2-2:FAILED", "2-3:SUCCEEDED"}},
		{"another result of a step", []machine.Cut{{Operation: "2-2", Outcome: &machine.Outcome{Payload: &text}}},
			[]string{"0002:STARTED", "1:SUCCEEDED", "2:STARTED", "2-1:SUCCEEDED", "2-2:SUCCEEDED"}},
		{"another result of a context", []machine.Cut{{Operation: "2", Outcome: &machine.Outcome{Payload: &text}}},
			[]string{"0002:STARTED", "1:SUCCEEDED", "2:SUCCEEDED"}},
		{"another error of a step", []machine.Cut{{Operation: "1",
			Outcome: &machine.Outcome{Error: &protocol.ErrorObject{ErrorType: "E"}}}}, []string{"0002:STARTED", "1:FAILED"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := tree(t)
			f := forked(t, r, test.cuts...)
			equal(t, "operations", ids(ops(f.x)), test.want)
			equal(t, "origin", f.x.Identity().OriginARN, r.x.Identity().ARN.String())
			equal(t, "status", f.x.Status(), protocol.ExecutionRunning)
			equal(t, "input", f.x.Input(), r.x.Input())
			f.invoke()
			equal(t, "told", f.x.Updated(), []string{"0002"})
			f.must(f.checkpoint(succeed("new", "1")))
			f.end(`{"Status":"SUCCEEDED"}`)
			equal(t, "status at the end", f.x.Status(), protocol.ExecutionSucceeded)
		})
	}
}

func TestForkHistory(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(retry("1", 5)))
	r.end(pending)
	r.sleep(5)
	r.invoke()
	r.must(r.checkpoint(step(protocol.ActionStart, "1"), succeed("1", "1"), wait("2", 60), succeed("3", "2")))
	r.end(pending)
	f := forked(t, r)
	equal(t, "history", f.types(1), []protocol.EventType{
		protocol.EventExecutionStarted, protocol.EventStepFailed, protocol.EventStepStarted, protocol.EventStepSucceeded,
		protocol.EventWaitStarted, protocol.EventStepSucceeded,
	})
	equal(t, "attempts", f.op("1").Attempt, 2)
	f.fire()
	equal(t, "a wait that is over", f.op("2").Status, protocol.StatusSucceeded)
}

// What is open belongs to the other execution: the fork has its own, and waits
// no longer for what was to come at a moment.
func TestForkOfWhatIsOpen(t *testing.T) {
	r := invoked(t)
	outer, inner := openContext("w"), in("w", callback("w-1", 0, 0))
	outer.SubType = protocol.SubTypeWaitForCallback
	r.must(r.checkpoint(
		callback("c", 60, 30), callback("done", 0, 0), retry("s", 2000), wait("t", 5000), invoke("i", "child"), invoke("p", "plain"),
		invoke("over", "child"), step(protocol.ActionStart, "b"), outer, inner, in("w", succeed("w-2", "1")),
	))
	r.end(pending)
	r.do(func(d *machine.Draft) error { return d.SucceedCallback(2, "callback-2", str(`"yes"`)) })
	r.complete("over", protocol.ExecutionSucceeded, nil, nil)
	over := r.x.Call("over")
	f := forked(t, r)
	equal(t, "operations", ids(ops(f.x)), []string{
		"0002:STARTED", "c:STARTED", "done:SUCCEEDED", "s:PENDING", "t:STARTED", "i:STARTED", "p:STARTED", "over:SUCCEEDED", "b:STARTED",
	})
	equal(t, "open callback", f.op("c").CallbackID, "forked-1")
	equal(t, "completed callback", f.op("done").CallbackID, "callback-2")
	equal(t, "timer of the retry", f.op("s").NextAttempt, f.now.AddSeconds(2000))
	equal(t, "end of the wait", f.op("t").ScheduledEnd, epoch.AddSeconds(5000))
	equal(t, "calls", len(f.x.Calls()), 1)
	equal(t, "no call", over, nil)
	for _, reason := range f.x.Explain(f.now) {
		if reason.Label == "i" && reason.Target.ARN != "arn:aws:lambda:us-east-1:000000000000:function:child:2/durable-execution/child/101" {
			t.Errorf("the fork waits for %s, a child that is not its own", reason.Target.ARN)
		}
	}
	if err := f.do(func(d *machine.Draft) error { return d.SucceedCallback(1, "forked-1", nil) }); err != nil {
		t.Errorf("the fork's callback: %v", err)
	}
}

// Items of a batch have nothing to do with each other.
func TestForkInABatch(t *testing.T) {
	r := invoked(t)
	batch := openContext("1")
	batch.SubType = protocol.SubTypeMap
	item := func(id string) protocol.Update { return in("1", openContext(id)) }
	bad := in("1-2", step(protocol.ActionFail, "1-2-2"))
	failed := func(id string) protocol.Update { return update(protocol.TypeContext, protocol.ActionFail, id) }
	r.must(r.checkpoint(
		batch, item("1-1"), item("1-2"), item("1-3"), item("1-4"),
		in("1-2", succeed("1-2-1", "1")), bad, in("1-3", step(protocol.ActionFail, "1-3-1")), in("1-1", succeed("1-1-1", "1")),
		in("1-4", succeed("1-4-1", "1")), in("1-4", wait("1-4-2", 60)),
	))
	r.must(r.checkpoint(update(protocol.TypeWait, protocol.ActionCancel, "1-4-2")))
	canceled := failed("1-4")
	canceled.Error = &protocol.ErrorObject{ErrorType: "CanceledError", ErrorData: protocol.SDKErrorMark}
	r.must(r.checkpoint(closeContext("1-1", "1", false), failed("1-2"), failed("1-3"), canceled, failed("1")))
	r.must(r.checkpoint(succeed("2", `"undo"`)))
	r.end(`{"Status":"FAILED"}`)
	cuts, err := r.x.Redrive()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "cuts", cuts, []machine.Cut{{Operation: "1-2-2"}, {Operation: "1-3-1"}, {Operation: "1-4-2"}})
	f := forked(t, r, cuts...)
	equal(t, "operations", ids(ops(f.x)), []string{
		"0002:STARTED", "1:STARTED", "1-1:SUCCEEDED", "1-2:STARTED", "1-3:STARTED", "1-4:STARTED", "1-2-1:SUCCEEDED", "1-4-1:SUCCEEDED",
	})
}

func TestRedrive(t *testing.T) {
	for _, test := range []struct {
		name string
		play func(*run)
		want []machine.Cut
	}{
		{"stopped", func(r *run) {
			r.must(r.checkpoint(step(protocol.ActionFail, "1")))
			r.do(func(d *machine.Draft) error { return d.Stop(nil) })
		}, nil},
		{"failed by itself", func(r *run) { r.must(r.checkpoint(succeed("1", "1"))); r.end(`{"Status":"FAILED"}`) }, nil},
		{"the last failure", func(r *run) {
			r.must(r.checkpoint(step(protocol.ActionFail, "1"), step(protocol.ActionFail, "2"), succeed("3", "1")))
			r.end(`{"Status":"FAILED"}`)
		}, []machine.Cut{{Operation: "2"}}},
		{"a context that failed by itself", func(r *run) {
			r.must(r.checkpoint(openContext("1"), in("1", succeed("1-1", "1"))))
			r.must(r.checkpoint(update(protocol.TypeContext, protocol.ActionFail, "1")))
			r.end(`{"Status":"FAILED"}`)
		}, []machine.Cut{{Operation: "1", Reopen: true}}},
		{"a wait for a callback", func(r *run) {
			outer := openContext("1")
			outer.SubType = protocol.SubTypeWaitForCallback
			r.must(r.checkpoint(outer, in("1", step(protocol.ActionFail, "1-1"))))
			r.must(r.checkpoint(update(protocol.TypeContext, protocol.ActionFail, "1")))
			r.end(`{"Status":"FAILED"}`)
		}, []machine.Cut{{Operation: "1"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := invoked(t)
			test.play(r)
			cuts, err := r.x.Redrive()
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "cuts", cuts, test.want)
		})
	}
	r := invoked(t)
	_, err := r.x.Redrive()
	refusedAs(t, err, protocol.CodeConflict, "Only an execution that failed, timed out or was stopped can be redriven, not one with "+
		"status RUNNING.")
}

func TestForkRefuses(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("w", 60), succeed("s", "1")))
	text := "1"
	for _, test := range []struct {
		cut     machine.Cut
		code    protocol.Code
		message string
	}{
		{machine.Cut{Operation: "nosuch"}, protocol.CodeNotFound, "The execution has no operation nosuch"},
		{machine.Cut{Operation: "0001"}, protocol.CodeNotFound, "The execution has no operation 0001"},
		{machine.Cut{Operation: "s", Reopen: true}, protocol.CodeInvalidParameter,
			"Operation s is a STEP: only a context can be opened again"},
		{machine.Cut{Operation: "w", Outcome: &machine.Outcome{Payload: &text}}, protocol.CodeInvalidParameter,
			"Operation w is a wait, which ends without a result"},
		{machine.Cut{Operation: "s", Outcome: &machine.Outcome{Payload: &text, Error: &protocol.ErrorObject{}}},
			protocol.CodeInvalidParameter, "Operation s cannot have both a result and an error"},
	} {
		_, err := r.x.Fork(r.records, &machine.ForkRequest{Identity: identity(), Cuts: []machine.Cut{test.cut}}, r.now, nil)
		refusedAs(t, err, test.code, test.message)
	}
}
