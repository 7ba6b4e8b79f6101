package machine_test

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/machine"
	"github.com/perdure/perdure/internal/wire"
)

// states brings operation "op" of each type into each of its states, with an
// invocation in flight. The empty state is: it does not exist.
var states = map[wire.OperationType]map[wire.OperationStatus]func(*run){
	wire.TypeStep: {
		"":                   func(*run) {},
		wire.StatusStarted:   func(r *run) { r.must(r.checkpoint(step(wire.ActionStart, "op"))) },
		wire.StatusPending:   func(r *run) { r.must(r.checkpoint(retry("op", 60))) },
		wire.StatusReady:     func(r *run) { r.must(r.checkpoint(retry("op", 1))); r.sleep(1); r.fire() },
		wire.StatusSucceeded: func(r *run) { r.must(r.checkpoint(succeed("op", "1"))) },
		wire.StatusFailed:    func(r *run) { r.must(r.checkpoint(step(wire.ActionFail, "op"))) },
	},
	wire.TypeContext: {
		"":                   func(*run) {},
		wire.StatusStarted:   func(r *run) { r.must(r.checkpoint(openContext("op"))) },
		wire.StatusSucceeded: func(r *run) { r.must(r.checkpoint(openContext("op"), closeContext("op", "1", false))) },
		wire.StatusFailed: func(r *run) {
			r.must(r.checkpoint(openContext("op"), update(wire.TypeContext, wire.ActionFail, "op")))
		},
	},
	wire.TypeWait: {
		"":                   func(*run) {},
		wire.StatusStarted:   func(r *run) { r.must(r.checkpoint(wait("op", 60))) },
		wire.StatusSucceeded: func(r *run) { r.must(r.checkpoint(wait("op", 1))); r.sleep(1); r.fire() },
		wire.StatusCancelled: func(r *run) {
			r.must(r.checkpoint(wait("op", 60)))
			r.must(r.checkpoint(update(wire.TypeWait, wire.ActionCancel, "op")))
		},
	},
	wire.TypeCallback: {
		"":                   func(*run) {},
		wire.StatusStarted:   func(r *run) { r.must(r.checkpoint(callback("op", 0, 0))) },
		wire.StatusSucceeded: func(r *run) { r.must(r.checkpoint(callback("op", 0, 0))); r.succeedCallback(1, str("1")) },
		wire.StatusFailed: func(r *run) {
			r.must(r.checkpoint(callback("op", 0, 0)))
			r.do(func(d *machine.Draft) error { return d.FailCallback(1, callbackID(1), nil) })
		},
		wire.StatusTimedOut: func(r *run) { r.must(r.checkpoint(callback("op", 1, 0))); r.sleep(1); r.fire() },
	},
	wire.TypeChainedInvoke: {
		"":                   func(*run) {},
		wire.StatusStarted:   func(r *run) { r.must(r.checkpoint(invoke("op", "child"))) },
		wire.StatusSucceeded: func(r *run) { r.must(r.checkpoint(invoke("op", "child"))); r.outcome("op", wire.ExecutionSucceeded) },
		wire.StatusFailed:    func(r *run) { r.must(r.checkpoint(invoke("op", "missing"))) },
		wire.StatusTimedOut:  func(r *run) { r.must(r.checkpoint(invoke("op", "child"))); r.outcome("op", wire.ExecutionTimedOut) },
		wire.StatusStopped:   func(r *run) { r.must(r.checkpoint(invoke("op", "plain"))); r.outcome("op", wire.ExecutionStopped) },
	},
}

func (r *run) succeedCallback(position int, result *string) error {
	return r.do(func(d *machine.Draft) error {
		return d.SucceedCallback(position, callbackID(position), result)
	})
}

func (r *run) outcome(opID string, status wire.ExecutionStatus) {
	r.do(func(d *machine.Draft) error {
		d.CompleteInvoke(opID, r.x.Children()[opID], status, nil, nil)
		return nil
	})
}

// well is an update that is well formed for its type and action.
func well(typ wire.OperationType, action wire.Action) wire.Update {
	u := update(typ, action, "op")
	switch {
	case typ == wire.TypeStep && action == wire.ActionRetry:
		u.StepOptions = &wire.StepOptions{NextAttemptDelaySeconds: 5}
	case typ == wire.TypeWait && action == wire.ActionStart:
		u.WaitOptions = &wire.WaitOptions{WaitSeconds: 5}
	case typ == wire.TypeChainedInvoke && action == wire.ActionStart:
		u.ChainedInvokeOptions = &wire.ChainedInvokeOptions{FunctionName: "child"}
	}
	return u
}

// transitions lists what is allowed: the event and the status that follow.
// What is not listed is refused.
var transitions = map[string]struct {
	event  wire.EventType
	status wire.OperationStatus
}{
	"CONTEXT  START":            {wire.EventContextStarted, wire.StatusStarted},
	"CONTEXT STARTED SUCCEED":   {wire.EventContextSucceeded, wire.StatusSucceeded},
	"CONTEXT STARTED FAIL":      {wire.EventContextFailed, wire.StatusFailed},
	"STEP  START":               {wire.EventStepStarted, wire.StatusStarted},
	"STEP  SUCCEED":             {wire.EventStepSucceeded, wire.StatusSucceeded},
	"STEP  FAIL":                {wire.EventStepFailed, wire.StatusFailed},
	"STEP  RETRY":               {wire.EventStepSucceeded, wire.StatusPending},
	"STEP STARTED SUCCEED":      {wire.EventStepSucceeded, wire.StatusSucceeded},
	"STEP STARTED FAIL":         {wire.EventStepFailed, wire.StatusFailed},
	"STEP STARTED RETRY":        {wire.EventStepSucceeded, wire.StatusPending},
	"STEP READY START":          {wire.EventStepStarted, wire.StatusStarted},
	"STEP READY SUCCEED":        {wire.EventStepSucceeded, wire.StatusSucceeded},
	"STEP READY FAIL":           {wire.EventStepFailed, wire.StatusFailed},
	"STEP READY RETRY":          {wire.EventStepSucceeded, wire.StatusPending},
	"WAIT  START":               {wire.EventWaitStarted, wire.StatusStarted},
	"WAIT STARTED CANCEL":       {wire.EventWaitCancelled, wire.StatusCancelled},
	"CALLBACK  START":           {wire.EventCallbackStarted, wire.StatusStarted},
	"CHAINED_INVOKE  START":     {wire.EventChainedInvokeStarted, wire.StatusStarted},
	"EXECUTION STARTED SUCCEED": {},
	"EXECUTION STARTED FAIL":    {},
}

// refusal is the service's text for a transition that is not allowed.
func refusal(typ wire.OperationType, action wire.Action) string {
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
			for _, action := range wire.Actions {
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
					equal(t, "events", r.types(before+1), []wire.EventType{want.event})
				})
			}
		}
	}
	equal(t, "allowed transitions met, without those of the EXECUTION", met, len(transitions)-2)
}

// A bad member is refused with its own text.
func TestRefusals(t *testing.T) {
	failure := &wire.ErrorObject{ErrorType: "Oops"}
	big := str(strings.Repeat("x", wire.MaxPayload+1))
	tests := map[string]struct {
		state  func(*run) // before it
		update wire.Update
		want   string
	}{
		"unknown type":             {update: update("LOOP", wire.ActionStart, "op"), want: "Unknown operation type."},
		"EXECUTION START":          {update: update(wire.TypeExecution, wire.ActionStart, "op"), want: "Invalid EXECUTION action."},
		"EXECUTION RETRY":          {update: update(wire.TypeExecution, wire.ActionRetry, "op"), want: "Invalid EXECUTION action."},
		"EXECUTION CANCEL":         {update: update(wire.TypeExecution, wire.ActionCancel, "op"), want: "Invalid EXECUTION action."},
		"EXECUTION SUCCEED, error": {update: wire.Update{ID: "op", Type: wire.TypeExecution, Action: wire.ActionSucceed, Error: failure}, want: "Cannot provide an Error for SUCCEED action."},
		"EXECUTION FAIL, payload":  {update: wire.Update{ID: "op", Type: wire.TypeExecution, Action: wire.ActionFail, Payload: str("1")}, want: "Cannot provide a Payload for FAIL action."},
		"EXECUTION result too big": {
			update: wire.Update{ID: "op", Type: wire.TypeExecution, Action: wire.ActionSucceed, Payload: str(strings.Repeat("x", wire.MaxSyncPayload+1))},
			want:   "Execution output payload size must be less than or equal to 6291456 bytes.",
		},
		"STEP SUCCEED, error":      {update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionSucceed, Error: failure}, want: "Cannot provide an Error for SUCCEED action."},
		"STEP FAIL, payload":       {update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionFail, Payload: str("1")}, want: "Cannot provide a Payload for FAIL action."},
		"STEP RETRY, no options":   {update: step(wire.ActionRetry, "op"), want: "Invalid StepOptions for the given action."},
		"STEP RETRY, no delay":     {update: retry("op", 0), want: "Invalid StepOptions for the given action."},
		"STEP RETRY, delay < 0":    {update: retry("op", -1), want: "Invalid StepOptions for the given action."},
		"STEP START, options":      {update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionStart, StepOptions: &wire.StepOptions{}}, want: "Invalid StepOptions for the given action."},
		"STEP SUCCEED, options":    {update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionSucceed, StepOptions: &wire.StepOptions{}}, want: "Invalid StepOptions for the given action."},
		"STEP FAIL, options":       {update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionFail, StepOptions: &wire.StepOptions{}}, want: "Invalid StepOptions for the given action."},
		"STEP RETRY, both":         {update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionRetry, Payload: str("1"), Error: failure, StepOptions: &wire.StepOptions{NextAttemptDelaySeconds: 1}}, want: "Cannot provide both error and payload to RETRY a STEP."},
		"STEP CANCEL with options": {update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionCancel, StepOptions: &wire.StepOptions{}}, want: "Invalid STEP action."},
		"CONTEXT SUCCEED, error": {
			state:  states[wire.TypeContext][wire.StatusStarted],
			update: wire.Update{ID: "op", Type: wire.TypeContext, Action: wire.ActionSucceed, Error: failure}, want: "Cannot provide an Error for SUCCEED action.",
		},
		"CONTEXT FAIL, payload": {
			state:  states[wire.TypeContext][wire.StatusStarted],
			update: wire.Update{ID: "op", Type: wire.TypeContext, Action: wire.ActionFail, Payload: str("1")}, want: "Cannot provide a Payload for FAIL action.",
		},
		"WAIT, no options":           {update: update(wire.TypeWait, wire.ActionStart, "op"), want: "Update for WAIT operation requires WaitOptions."},
		"WAIT, no seconds":           {update: wait("op", 0), want: "Update for WAIT operation requires WaitOptions."},
		"CHAINED_INVOKE, no options": {update: update(wire.TypeChainedInvoke, wire.ActionStart, "op"), want: "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions."},
		"no parent":                  {update: in("nobody", step(wire.ActionStart, "op")), want: "Invalid parent operation id."},
		"its own parent":             {update: in("op", openContext("op")), want: "Invalid parent operation id."},
		"the execution as parent":    {update: in("0001", step(wire.ActionStart, "op")), want: "Invalid parent operation id."},
		"a step as parent": {
			state: states[wire.TypeStep][wire.StatusStarted], update: in("op", step(wire.ActionStart, "other")), want: "Invalid parent operation id.",
		},
		"other type":           {state: named, update: wait("op", 1), want: "Inconsistent operation type."},
		"the execution's id":   {update: step(wire.ActionStart, "0001"), want: "Inconsistent operation type."},
		"other subtype":        {state: named, update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionSucceed, SubType: "Other"}, want: "Inconsistent operation subtype."},
		"other name":           {state: named, update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionSucceed, Name: "other"}, want: "Inconsistent operation name."},
		"other parent":         {state: named, update: in("context-2", step(wire.ActionSucceed, "op")), want: "Inconsistent parent operation id."},
		"STEP payload too big": {update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionSucceed, Payload: big}, want: "STEP output payload size must be less than or equal to 1048576 bytes."},
		"CONTEXT payload too big": {
			update: wire.Update{ID: "op", Type: wire.TypeContext, Action: wire.ActionSucceed, Payload: big}, want: "CONTEXT output payload size must be less than or equal to 1048576 bytes.",
		},
		"CHAINED_INVOKE payload too big": {
			update: wire.Update{ID: "op", Type: wire.TypeChainedInvoke, Action: wire.ActionStart, Payload: big}, want: "CHAINED_INVOKE input payload size must be less than or equal to 1048576 bytes.",
		},
		"error too big": {
			update: wire.Update{ID: "op", Type: wire.TypeStep, Action: wire.ActionFail, Error: &wire.ErrorObject{ErrorMessage: *big}}, want: "Error object size must be less than or equal to 1048576 bytes.",
		},
		"EXECUTION error too big": {
			update: wire.Update{ID: "op", Type: wire.TypeExecution, Action: wire.ActionFail, Error: &wire.ErrorObject{ErrorMessage: *big}}, want: "Error object size must be less than or equal to 1048576 bytes.",
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
	r.must(r.checkpoint(openContext("context-1"), openContext("context-2"), wire.Update{
		ID: "op", Type: wire.TypeStep, Action: wire.ActionStart, Name: "it", SubType: "Step", ParentID: "context-1",
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
	r.must(r.checkpoint(step(wire.ActionStart, "op")))
	equal(t, "event", *r.lastEvent(), wire.Event{
		Type: wire.EventStepStarted, ID: 6, Time: r.now, OpID: "op", Name: "it", SubType: "Step", ParentID: "context-1",
	})
}

// Of several faults the one that the service checks first is told.
func TestOrderOfChecks(t *testing.T) {
	big := str(strings.Repeat("x", wire.MaxPayload+1))
	execution := finish("1")
	// Each has all the faults of those below it.
	tests := []struct {
		updates []wire.Update
		want    string
	}{
		{[]wire.Update{execution, execution, step(wire.ActionStart, "a"), step(wire.ActionStart, "a")}, "Cannot checkpoint multiple EXECUTION updates."},
		{[]wire.Update{execution, step(wire.ActionStart, "a"), step(wire.ActionStart, "a")}, "EXECUTION checkpoint must be the last update."},
		{[]wire.Update{step(wire.ActionStart, "a"), in("nobody", step(wire.ActionStart, "a"))}, "Cannot update the same operation twice in a single request."},
		{[]wire.Update{{ID: "op", ParentID: "nobody", Type: wire.TypeWait, Action: wire.ActionSucceed, Payload: big}}, "Invalid parent operation id."},
		{[]wire.Update{{ID: "op", Type: wire.TypeWait, Action: wire.ActionSucceed, Payload: big, SubType: "x", Name: "x", ParentID: "context-2"}}, "Inconsistent operation type."},
		{[]wire.Update{{ID: "op", Type: wire.TypeStep, Action: wire.ActionCancel, Payload: big, SubType: "x", Name: "x", ParentID: "context-2"}}, "Inconsistent operation subtype."},
		{[]wire.Update{{ID: "op", Type: wire.TypeStep, Action: wire.ActionCancel, Payload: big, Name: "x", ParentID: "context-2"}}, "Inconsistent operation name."},
		{[]wire.Update{{ID: "op", Type: wire.TypeStep, Action: wire.ActionCancel, Payload: big, ParentID: "context-2"}}, "Inconsistent parent operation id."},
		{[]wire.Update{{ID: "op", Type: wire.TypeStep, Action: wire.ActionCancel, Payload: big, StepOptions: &wire.StepOptions{}}}, "STEP output payload size must be less than or equal to 1048576 bytes."},
		{[]wire.Update{{ID: "op", Type: wire.TypeStep, Action: wire.ActionCancel, StepOptions: &wire.StepOptions{}}}, "Invalid STEP action."},
		{[]wire.Update{{ID: "op", Type: wire.TypeStep, Action: wire.ActionStart, StepOptions: &wire.StepOptions{}}}, "Invalid StepOptions for the given action."},
		{[]wire.Update{step(wire.ActionStart, "op")}, "Invalid current STEP state to start."},
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
		updates []wire.Update
		want    string
	}{
		"START, SUCCEED":          {[]wire.Update{step(wire.ActionStart, "a"), succeed("a", "1")}, ""},
		"START, FAIL":             {[]wire.Update{step(wire.ActionStart, "a"), step(wire.ActionFail, "a")}, ""},
		"START, RETRY":            {[]wire.Update{step(wire.ActionStart, "a"), retry("a", 1)}, ""},
		"apart":                   {[]wire.Update{step(wire.ActionStart, "a"), wait("b", 1), succeed("a", "1")}, ""},
		"context":                 {[]wire.Update{openContext("a"), in("a", wait("b", 1)), closeContext("a", "1", false)}, ""},
		"context RETRY":           {[]wire.Update{openContext("a"), update(wire.TypeContext, wire.ActionRetry, "a")}, twice},
		"START, START":            {[]wire.Update{step(wire.ActionStart, "a"), step(wire.ActionStart, "a")}, twice},
		"START, SUCCEED, SUCCEED": {[]wire.Update{step(wire.ActionStart, "a"), succeed("a", "1"), succeed("a", "1")}, twice},
		"RETRY, START":            {[]wire.Update{retry("a", 1), step(wire.ActionStart, "a")}, twice},
		"wait START, CANCEL":      {[]wire.Update{wait("a", 1), update(wire.TypeWait, wire.ActionCancel, "a")}, twice},
		"two types":               {[]wire.Update{openContext("a"), succeed("a", "1")}, twice},
		"the result's id":         {[]wire.Update{step(wire.ActionStart, "execution-result-1"), finish("1")}, ""},
		"child before parent":     {[]wire.Update{in("a", wait("b", 1)), openContext("a")}, "Invalid parent operation id."},
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
	_, err := r.send("token", step(wire.ActionStart, "a"), openContext("b"), in("b", callback("c", 1, 1)), succeed("nowhere", "1"), wait("a2", 0))
	refused(t, err, "Update for WAIT operation requires WaitOptions.")
	equal(t, "entries", len(r.journal), entries)
	equal(t, "fence", r.x.Fence(), before)
	equal(t, "operations", ids(ops(r.x)), []string{"0001:STARTED", "due:STARTED"})

	reply := r.must(r.send("token", step(wire.ActionStart, "a")))
	equal(t, "news", ids(reply.Operations), []string{"due:SUCCEEDED", "a:STARTED"})
}

// TestStepAttempts follows a step through its attempts.
func TestStepAttempts(t *testing.T) {
	r := invoked(t)
	poll := step(wire.ActionRetry, "op")
	poll.Payload = str(`{"n":1}`)
	poll.StepOptions = &wire.StepOptions{NextAttemptDelaySeconds: 3}
	r.must(r.checkpoint(step(wire.ActionStart, "op"), poll))
	want := wire.Operation{
		ID: "op", Type: wire.TypeStep, Status: wire.StatusPending, Start: epoch,
		Payload: str(`{"n":1}`), Attempt: 1, NextAttempt: epoch.AddSeconds(3),
	}
	equal(t, "PENDING", *r.op("op"), want)
	r.sleep(3)
	r.fire()
	want.Status, want.NextAttempt = wire.StatusReady, 0
	equal(t, "READY", *r.op("op"), want)
	r.must(r.checkpoint(step(wire.ActionStart, "op")))
	want.Status = wire.StatusStarted
	equal(t, "STARTED again: the state of the poll survives", *r.op("op"), want)
	r.must(r.checkpoint(retry("op", 1)))
	equal(t, "event", *r.lastEvent(), wire.Event{
		Type: wire.EventStepFailed, ID: 5, Time: r.now, OpID: "op",
		Error: &wire.ErrorObject{ErrorType: "Oops"}, CurrentAttempt: 2, NextAttemptDelay: 1,
	})
	r.sleep(1)
	r.must(r.checkpoint(succeed("op", "7")))
	equal(t, "SUCCEEDED", *r.op("op"), wire.Operation{
		ID: "op", Type: wire.TypeStep, Status: wire.StatusSucceeded, Start: epoch, End: r.now, Payload: str("7"), Attempt: 3,
	})
	equal(t, "last event", *r.lastEvent(), wire.Event{
		Type: wire.EventStepSucceeded, ID: 6, Time: r.now, OpID: "op", Payload: str("7"), CurrentAttempt: 3,
	})
}
