package machine_test

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// states brings operation "op" of each type into each of its states, with an
// invocation in flight. The empty state is: it does not exist.
var states = map[protocol.OperationType]map[protocol.OperationStatus]func(*run){
	protocol.TypeStep: {
		"":                       func(*run) {},
		protocol.StatusStarted:   func(r *run) { r.must(r.checkpoint(step(protocol.ActionStart, "op"))) },
		protocol.StatusPending:   func(r *run) { r.must(r.checkpoint(retry("op", 60))) },
		protocol.StatusReady:     func(r *run) { r.must(r.checkpoint(retry("op", 1))); r.sleep(1); r.fire() },
		protocol.StatusSucceeded: func(r *run) { r.must(r.checkpoint(succeed("op", "1"))) },
		protocol.StatusFailed:    func(r *run) { r.must(r.checkpoint(step(protocol.ActionFail, "op"))) },
	},
	protocol.TypeContext: {
		"":                       func(*run) {},
		protocol.StatusStarted:   func(r *run) { r.must(r.checkpoint(openContext("op"))) },
		protocol.StatusSucceeded: func(r *run) { r.must(r.checkpoint(openContext("op"), closeContext("op", "1", false))) },
		protocol.StatusFailed: func(r *run) {
			r.must(r.checkpoint(openContext("op"), update(protocol.TypeContext, protocol.ActionFail, "op")))
		},
	},
	protocol.TypeWait: {
		"":                       func(*run) {},
		protocol.StatusStarted:   func(r *run) { r.must(r.checkpoint(wait("op", 60))) },
		protocol.StatusSucceeded: func(r *run) { r.must(r.checkpoint(wait("op", 1))); r.sleep(1); r.fire() },
		protocol.StatusCancelled: func(r *run) {
			r.must(r.checkpoint(wait("op", 60)))
			r.must(r.checkpoint(update(protocol.TypeWait, protocol.ActionCancel, "op")))
		},
	},
	protocol.TypeCallback: {
		"":                       func(*run) {},
		protocol.StatusStarted:   func(r *run) { r.must(r.checkpoint(callback("op", 0, 0))) },
		protocol.StatusSucceeded: func(r *run) { r.must(r.checkpoint(callback("op", 0, 0))); r.succeedCallback(1, str("1")) },
		protocol.StatusFailed: func(r *run) {
			r.must(r.checkpoint(callback("op", 0, 0)))
			r.do(func(d *machine.Draft) error { return d.FailCallback(1, callbackID(1), nil) })
		},
		protocol.StatusTimedOut: func(r *run) { r.must(r.checkpoint(callback("op", 1, 0))); r.sleep(1); r.fire() },
	},
	protocol.TypeChainedInvoke: {
		"":                     func(*run) {},
		protocol.StatusStarted: func(r *run) { r.must(r.checkpoint(invoke("op", "child"))) },
		protocol.StatusSucceeded: func(r *run) {
			r.must(r.checkpoint(invoke("op", "child")))
			r.outcome("op", protocol.ExecutionSucceeded)
		},
		protocol.StatusFailed:   func(r *run) { r.must(r.checkpoint(invoke("op", "missing"))) },
		protocol.StatusTimedOut: func(r *run) { r.must(r.checkpoint(invoke("op", "child"))); r.outcome("op", protocol.ExecutionTimedOut) },
		protocol.StatusStopped:  func(r *run) { r.must(r.checkpoint(invoke("op", "plain"))); r.outcome("op", protocol.ExecutionStopped) },
	},
}

func (r *run) succeedCallback(position int, result *string) error {
	return r.do(func(d *machine.Draft) error {
		return d.SucceedCallback(position, callbackID(position), result)
	})
}

func (r *run) outcome(opID string, status protocol.ExecutionStatus) {
	r.do(func(d *machine.Draft) error {
		d.CompleteInvoke(opID, r.x.Children()[opID], status, nil, nil)
		return nil
	})
}

// well is an update that is well formed for its type and action.
func well(typ protocol.OperationType, action protocol.Action) protocol.Update {
	u := update(typ, action, "op")
	switch {
	case typ == protocol.TypeStep && action == protocol.ActionRetry:
		u.StepOptions = &protocol.StepOptions{NextAttemptDelaySeconds: 5}
	case typ == protocol.TypeWait && action == protocol.ActionStart:
		u.WaitOptions = &protocol.WaitOptions{WaitSeconds: 5}
	case typ == protocol.TypeChainedInvoke && action == protocol.ActionStart:
		u.ChainedInvokeOptions = &protocol.ChainedInvokeOptions{FunctionName: "child"}
	}
	return u
}

// transitions lists what is allowed: the event and the status that follow.
// What is not listed is refused.
var transitions = map[string]struct {
	event  protocol.EventType
	status protocol.OperationStatus
}{
	"CONTEXT  START":            {protocol.EventContextStarted, protocol.StatusStarted},
	"CONTEXT STARTED SUCCEED":   {protocol.EventContextSucceeded, protocol.StatusSucceeded},
	"CONTEXT STARTED FAIL":      {protocol.EventContextFailed, protocol.StatusFailed},
	"STEP  START":               {protocol.EventStepStarted, protocol.StatusStarted},
	"STEP  SUCCEED":             {protocol.EventStepSucceeded, protocol.StatusSucceeded},
	"STEP  FAIL":                {protocol.EventStepFailed, protocol.StatusFailed},
	"STEP  RETRY":               {protocol.EventStepSucceeded, protocol.StatusPending},
	"STEP STARTED SUCCEED":      {protocol.EventStepSucceeded, protocol.StatusSucceeded},
	"STEP STARTED FAIL":         {protocol.EventStepFailed, protocol.StatusFailed},
	"STEP STARTED RETRY":        {protocol.EventStepSucceeded, protocol.StatusPending},
	"STEP READY START":          {protocol.EventStepStarted, protocol.StatusStarted},
	"STEP READY SUCCEED":        {protocol.EventStepSucceeded, protocol.StatusSucceeded},
	"STEP READY FAIL":           {protocol.EventStepFailed, protocol.StatusFailed},
	"STEP READY RETRY":          {protocol.EventStepSucceeded, protocol.StatusPending},
	"WAIT  START":               {protocol.EventWaitStarted, protocol.StatusStarted},
	"WAIT STARTED CANCEL":       {protocol.EventWaitCancelled, protocol.StatusCancelled},
	"CALLBACK  START":           {protocol.EventCallbackStarted, protocol.StatusStarted},
	"CHAINED_INVOKE  START":     {protocol.EventChainedInvokeStarted, protocol.StatusStarted},
	"EXECUTION STARTED SUCCEED": {},
	"EXECUTION STARTED FAIL":    {},
}

// refusal is the service's text for a transition that is not allowed.
func refusal(typ protocol.OperationType, action protocol.Action) string {
	switch key := string(typ) + " " + string(action); key {
	case "CONTEXT START", "WAIT START", "CALLBACK START", "CHAINED_INVOKE START":
		return "Cannot start a " + string(typ) + " that already exist."
	case "CONTEXT SUCCEED", "CONTEXT FAIL":
		return "Invalid current CONTEXT state to close."
	case "STEP START":
		return "Invalid current STEP state to start."
	case "STEP SUCCEED", "STEP FAIL":
		return "Invalid current STEP state to close."
	case "STEP RETRY":
		return "Invalid current STEP state to re-attempt."
	case "WAIT CANCEL":
		return "Cannot cancel a WAIT that does not exist or has already completed."
	}
	return "Invalid " + string(typ) + " action."
}

func TestTransitions(t *testing.T) {
	met := 0
	for typ, byStatus := range states {
		for status, reach := range byStatus {
			for _, action := range protocol.Actions {
				key := strings.Join([]string{string(typ), string(status), string(action)}, " ")
				t.Run(key, func(t *testing.T) {
					r := invoked(t)
					reach(r)
					if status != "" {
						equal(t, "status before", r.op("op").Status, status)
					}
					want, allowed := transitions[key]
					before := r.x.Events()
					_, err := r.checkpoint(well(typ, action))
					if !allowed {
						refused(t, err, refusal(typ, action))
						return
					}
					met++
					if err != nil {
						t.Fatal(err)
					}
					equal(t, "status", r.op("op").Status, want.status)
					equal(t, "events", r.types(before+1), []protocol.EventType{want.event})
				})
			}
		}
	}
	equal(t, "allowed transitions met, without those of the EXECUTION", met, len(transitions)-2)
}

// A bad member is refused with its own text.
func TestRefusals(t *testing.T) {
	failure := &protocol.ErrorObject{ErrorType: "Oops"}
	big := str(strings.Repeat("x", protocol.MaxPayload+1))
	tests := map[string]struct {
		state  func(*run) // before it
		update protocol.Update
		want   string
	}{
		"unknown type":    {update: update("LOOP", protocol.ActionStart, "op"), want: "Unknown operation type."},
		"EXECUTION START": {update: update(protocol.TypeExecution, protocol.ActionStart, "op"), want: "Invalid EXECUTION action."},
		"EXECUTION RETRY": {update: update(protocol.TypeExecution, protocol.ActionRetry, "op"), want: "Invalid EXECUTION action."},
		"EXECUTION CANCEL": {update: update(protocol.TypeExecution, protocol.ActionCancel, "op"),
			want: "Invalid EXECUTION action."},
		"EXECUTION SUCCEED, error": {update: protocol.Update{ID: "op", Type: protocol.TypeExecution, Action: protocol.ActionSucceed,
			Error: failure}, want: "Cannot provide an Error for SUCCEED action."},
		"EXECUTION FAIL, payload": {update: protocol.Update{ID: "op", Type: protocol.TypeExecution, Action: protocol.ActionFail,
			Payload: str("1")}, want: "Cannot provide a Payload for FAIL action."},
		"EXECUTION result too big": {
			update: protocol.Update{ID: "op", Type: protocol.TypeExecution, Action: protocol.ActionSucceed,
				Payload: str(strings.Repeat("x", protocol.MaxSyncPayload+1))},
			want: "Execution output payload size must be less than or equal to 6291456 bytes.",
		},
		"STEP SUCCEED, error": {update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionSucceed,
			Error: failure}, want: "Cannot provide an Error for SUCCEED action."},
		"STEP FAIL, payload": {update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionFail,
			Payload: str("1")}, want: "Cannot provide a Payload for FAIL action."},
		"STEP RETRY, no options": {update: step(protocol.ActionRetry, "op"), want: "Invalid StepOptions for the given action."},
		"STEP RETRY, no delay":   {update: retry("op", 0), want: "Invalid StepOptions for the given action."},
		"STEP RETRY, delay < 0":  {update: retry("op", -1), want: "Invalid StepOptions for the given action."},
		"STEP START, options": {update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionStart,
			StepOptions: &protocol.StepOptions{}}, want: "Invalid StepOptions for the given action."},
		"STEP SUCCEED, options": {update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionSucceed,
			StepOptions: &protocol.StepOptions{}}, want: "Invalid StepOptions for the given action."},
		"STEP FAIL, options": {update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionFail,
			StepOptions: &protocol.StepOptions{}}, want: "Invalid StepOptions for the given action."},
		"STEP RETRY, both": {update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionRetry,
			Payload: str("1"), Error: failure, StepOptions: &protocol.StepOptions{NextAttemptDelaySeconds: 1}},
			want: "Cannot provide both error and payload to RETRY a STEP."},
		"STEP CANCEL with options": {update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionCancel,
			StepOptions: &protocol.StepOptions{}}, want: "Invalid STEP action."},
		"CONTEXT SUCCEED, error": {
			state:  states[protocol.TypeContext][protocol.StatusStarted],
			update: protocol.Update{ID: "op", Type: protocol.TypeContext, Action: protocol.ActionSucceed, Error: failure},
			want:   "Cannot provide an Error for SUCCEED action.",
		},
		"CONTEXT FAIL, payload": {
			state:  states[protocol.TypeContext][protocol.StatusStarted],
			update: protocol.Update{ID: "op", Type: protocol.TypeContext, Action: protocol.ActionFail, Payload: str("1")},
			want:   "Cannot provide a Payload for FAIL action.",
		},
		"WAIT, no options": {update: update(protocol.TypeWait, protocol.ActionStart, "op"),
			want: "Update for WAIT operation requires WaitOptions."},
		"WAIT, no seconds": {update: wait("op", 0), want: "Update for WAIT operation requires WaitOptions."},
		"CHAINED_INVOKE, no options": {update: update(protocol.TypeChainedInvoke, protocol.ActionStart, "op"),
			want: "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions."},
		"no parent":               {update: in("nobody", step(protocol.ActionStart, "op")), want: "Invalid parent operation id."},
		"its own parent":          {update: in("op", openContext("op")), want: "Invalid parent operation id."},
		"the execution as parent": {update: in("0001", step(protocol.ActionStart, "op")), want: "Invalid parent operation id."},
		"a step as parent": {
			state: states[protocol.TypeStep][protocol.StatusStarted], update: in("op", step(protocol.ActionStart, "other")),
			want: "Invalid parent operation id.",
		},
		"other type":         {state: named, update: wait("op", 1), want: "Inconsistent operation type."},
		"the execution's id": {update: step(protocol.ActionStart, "0001"), want: "Inconsistent operation type."},
		"other subtype": {state: named, update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionSucceed,
			SubType: "Other"}, want: "Inconsistent operation subtype."},
		"other name": {state: named, update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionSucceed,
			Name: "other"}, want: "Inconsistent operation name."},
		"other parent": {state: named, update: in("context-2", step(protocol.ActionSucceed, "op")),
			want: "Inconsistent parent operation id."},
		"STEP payload too big": {update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionSucceed, Payload: big},
			want: "STEP output payload size must be less than or equal to 1048576 bytes."},
		"CONTEXT payload too big": {
			update: protocol.Update{ID: "op", Type: protocol.TypeContext, Action: protocol.ActionSucceed, Payload: big},
			want:   "CONTEXT output payload size must be less than or equal to 1048576 bytes.",
		},
		"CHAINED_INVOKE payload too big": {
			update: protocol.Update{ID: "op", Type: protocol.TypeChainedInvoke, Action: protocol.ActionStart, Payload: big},
			want:   "CHAINED_INVOKE input payload size must be less than or equal to 1048576 bytes.",
		},
		"error too big": {
			update: protocol.Update{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionFail,
				Error: &protocol.ErrorObject{ErrorMessage: *big}}, want: "Error object size must be less than or equal to 1048576 bytes.",
		},
		"EXECUTION error too big": {
			update: protocol.Update{ID: "op", Type: protocol.TypeExecution, Action: protocol.ActionFail,
				Error: &protocol.ErrorObject{ErrorMessage: *big}}, want: "Error object size must be less than or equal to 1048576 bytes.",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := invoked(t)
			if test.state != nil {
				test.state(r)
			}
			_, err := r.checkpoint(test.update)
			refused(t, err, test.want)
		})
	}
}

// named starts step "op", called "it", of subtype Step, in one of two contexts.
func named(r *run) {
	r.must(r.checkpoint(openContext("context-1"), openContext("context-2"), protocol.Update{
		ID: "op", Type: protocol.TypeStep, Action: protocol.ActionStart, Name: "it", SubType: "Step", ParentID: "context-1",
	}))
}

// What repeats the record, and what leaves it out, is consistent with it.
func TestConsistentRepetition(t *testing.T) {
	r := invoked(t)
	named(r)
	u := retry("op", 1)
	u.Name, u.SubType, u.ParentID = "it", "Step", "context-1"
	r.must(r.checkpoint(u))
	r.sleep(1)
	r.must(r.checkpoint(step(protocol.ActionStart, "op")))
	equal(t, "event", *r.lastEvent(), protocol.Event{
		Type: protocol.EventStepStarted, ID: 6, Time: r.now, OpID: "op", Name: "it", SubType: "Step", ParentID: "context-1",
	})
}

// Of several faults the one that the service checks first is told.
func TestOrderOfChecks(t *testing.T) {
	big := str(strings.Repeat("x", protocol.MaxPayload+1))
	execution := finish("1")
	// Each has all the faults of those below it.
	tests := []struct {
		updates []protocol.Update
		want    string
	}{
		{[]protocol.Update{execution, execution, step(protocol.ActionStart, "a"), step(protocol.ActionStart, "a")},
			"Cannot checkpoint multiple EXECUTION updates."},
		{[]protocol.Update{execution, step(protocol.ActionStart, "a"), step(protocol.ActionStart, "a")},
			"EXECUTION checkpoint must be the last update."},
		{[]protocol.Update{step(protocol.ActionStart, "a"), in("nobody", step(protocol.ActionStart, "a"))},
			"Cannot update the same operation twice in a single request."},
		{[]protocol.Update{{ID: "op", ParentID: "nobody", Type: protocol.TypeWait, Action: protocol.ActionSucceed, Payload: big}},
			"Invalid parent operation id."},
		{[]protocol.Update{{ID: "op", Type: protocol.TypeWait, Action: protocol.ActionSucceed, Payload: big, SubType: "x", Name: "x",
			ParentID: "context-2"}}, "Inconsistent operation type."},
		{[]protocol.Update{{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionCancel, Payload: big, SubType: "x", Name: "x",
			ParentID: "context-2"}}, "Inconsistent operation subtype."},
		{[]protocol.Update{{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionCancel, Payload: big, Name: "x",
			ParentID: "context-2"}}, "Inconsistent operation name."},
		{[]protocol.Update{{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionCancel, Payload: big, ParentID: "context-2"}},
			"Inconsistent parent operation id."},
		{[]protocol.Update{{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionCancel, Payload: big,
			StepOptions: &protocol.StepOptions{}}}, "STEP output payload size must be less than or equal to 1048576 bytes."},
		{[]protocol.Update{{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionCancel, StepOptions: &protocol.StepOptions{}}},
			"Invalid STEP action."},
		{[]protocol.Update{{ID: "op", Type: protocol.TypeStep, Action: protocol.ActionStart, StepOptions: &protocol.StepOptions{}}},
			"Invalid StepOptions for the given action."},
		{[]protocol.Update{step(protocol.ActionStart, "op")}, "Invalid current STEP state to start."},
	}
	for _, test := range tests {
		r := invoked(t)
		named(r)
		_, err := r.sendAt(machine.Fence{}, "", test.updates...)
		refused(t, err, "Invalid checkpoint token") // it comes before all of them
		_, err = r.checkpoint(test.updates...)
		refused(t, err, test.want)
	}
}

// Only a step or context that the batch starts may occur in it again, once.
func TestRepeatsInABatch(t *testing.T) {
	const twice = "Cannot update the same operation twice in a single request."
	tests := map[string]struct {
		updates []protocol.Update
		want    string
	}{
		"START, SUCCEED":          {[]protocol.Update{step(protocol.ActionStart, "a"), succeed("a", "1")}, ""},
		"START, FAIL":             {[]protocol.Update{step(protocol.ActionStart, "a"), step(protocol.ActionFail, "a")}, ""},
		"START, RETRY":            {[]protocol.Update{step(protocol.ActionStart, "a"), retry("a", 1)}, ""},
		"apart":                   {[]protocol.Update{step(protocol.ActionStart, "a"), wait("b", 1), succeed("a", "1")}, ""},
		"context":                 {[]protocol.Update{openContext("a"), in("a", wait("b", 1)), closeContext("a", "1", false)}, ""},
		"context RETRY":           {[]protocol.Update{openContext("a"), update(protocol.TypeContext, protocol.ActionRetry, "a")}, twice},
		"START, START":            {[]protocol.Update{step(protocol.ActionStart, "a"), step(protocol.ActionStart, "a")}, twice},
		"START, SUCCEED, SUCCEED": {[]protocol.Update{step(protocol.ActionStart, "a"), succeed("a", "1"), succeed("a", "1")}, twice},
		"RETRY, START":            {[]protocol.Update{retry("a", 1), step(protocol.ActionStart, "a")}, twice},
		"wait START, CANCEL":      {[]protocol.Update{wait("a", 1), update(protocol.TypeWait, protocol.ActionCancel, "a")}, twice},
		"two types":               {[]protocol.Update{openContext("a"), succeed("a", "1")}, twice},
		"the result's id":         {[]protocol.Update{step(protocol.ActionStart, "execution-result-1"), finish("1")}, ""},
		"child before parent":     {[]protocol.Update{in("a", wait("b", 1)), openContext("a")}, "Invalid parent operation id."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := invoked(t)
			_, err := r.checkpoint(test.updates...)
			if test.want != "" {
				refused(t, err, test.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// A refused checkpoint changes nothing, however much of it was fine.
func TestAllOrNothing(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("due", 1)))
	r.sleep(1) // the wait would be recorded, too
	before, entries := r.fence, len(r.journal)
	_, err := r.send("token", step(protocol.ActionStart, "a"), openContext("b"), in("b", callback("c", 1, 1)), succeed("nowhere", "1"),
		wait("a2", 0))
	refused(t, err, "Update for WAIT operation requires WaitOptions.")
	equal(t, "entries", len(r.journal), entries)
	equal(t, "fence", r.x.Fence(), before)
	equal(t, "operations", ids(ops(r.x)), []string{"0001:STARTED", "due:STARTED"})

	reply := r.must(r.send("token", step(protocol.ActionStart, "a")))
	equal(t, "news", ids(reply.Operations), []string{"due:SUCCEEDED", "a:STARTED"})
}

// TestStepAttempts follows a step through its attempts.
func TestStepAttempts(t *testing.T) {
	r := invoked(t)
	poll := step(protocol.ActionRetry, "op")
	poll.Payload = str(`{"n":1}`)
	poll.StepOptions = &protocol.StepOptions{NextAttemptDelaySeconds: 3}
	r.must(r.checkpoint(step(protocol.ActionStart, "op"), poll))
	want := protocol.Operation{
		ID: "op", Type: protocol.TypeStep, Status: protocol.StatusPending, Start: epoch,
		Payload: str(`{"n":1}`), Attempt: 1, NextAttempt: epoch.AddSeconds(3),
	}
	equal(t, "PENDING", *r.op("op"), want)
	r.sleep(3)
	r.fire()
	want.Status, want.NextAttempt = protocol.StatusReady, 0
	equal(t, "READY", *r.op("op"), want)
	r.must(r.checkpoint(step(protocol.ActionStart, "op")))
	want.Status = protocol.StatusStarted
	equal(t, "STARTED again: the state of the poll survives", *r.op("op"), want)
	r.must(r.checkpoint(retry("op", 1)))
	equal(t, "event", *r.lastEvent(), protocol.Event{
		Type: protocol.EventStepFailed, ID: 5, Time: r.now, OpID: "op",
		Error: &protocol.ErrorObject{ErrorType: "Oops"}, CurrentAttempt: 2, NextAttemptDelay: 1,
	})
	r.sleep(1)
	r.must(r.checkpoint(succeed("op", "7")))
	equal(t, "SUCCEEDED", *r.op("op"), protocol.Operation{
		ID: "op", Type: protocol.TypeStep, Status: protocol.StatusSucceeded, Start: epoch, End: r.now, Payload: str("7"), Attempt: 3,
	})
	equal(t, "last event", *r.lastEvent(), protocol.Event{
		Type: protocol.EventStepSucceeded, ID: 6, Time: r.now, OpID: "op", Payload: str("7"), CurrentAttempt: 3,
	})
}
