package engine_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// payments is a program that books, charges and confirms. It charges as long as
// charge says no, notes what it does, and undoes the booking if it must.
type payments struct {
	charge func() bool
	did    []string
}

func (p *payments) handle(c *call) engine.Outcome {
	step := func(id string) bool {
		if c.op(id).Status == protocol.StatusSucceeded {
			return true
		}
		p.did = append(p.did, id)
		return c.step(id, `"`+id+`"`)
	}
	if !step("1") {
		return crash("refused")
	}
	if c.op("2").Status == "" {
		if p.did = append(p.did, "2"); p.charge() {
			c.step("2", `"paid"`)
		} else {
			c.checkpoint(protocol.Update{ID: "2", Name: "charge", Type: protocol.TypeStep, Action: protocol.ActionFail,
				Error: &protocol.ErrorObject{ErrorMessage: "declined"}})
		}
	}
	if c.op("2").Status == protocol.StatusFailed {
		if c.op("3").Name == "confirm" {
			return crash("this is another history")
		}
		step("3")
		return engine.Outcome{Payload: []byte(`{"Status":"FAILED","Error":{"ErrorMessage":"declined"}}`)}
	}
	if c.op("3").ID == "" {
		c.checkpoint(protocol.Update{ID: "3", Name: "confirm", Type: protocol.TypeStep, Action: protocol.ActionSucceed})
	}
	if c.op("3").Name != "confirm" {
		return crash("this is another history")
	}
	return succeed(*c.op("2").Payload)
}

func TestRedrive(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		p := &payments{charge: func() bool { return false }}
		f.durable("order", p.handle)
		arn := f.start("order", "order-7", `{"order":7}`)
		if r := f.result(arn); r.Status != protocol.ExecutionFailed {
			t.Fatalf("got %s, want the execution to fail", r.Status)
		}
		p.charge = func() bool { return true }
		s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn, Redrive: true})
		if err != nil {
			t.Fatal(err)
		}
		if r := f.result(s.ARN); r.Status != protocol.ExecutionSucceeded || *r.Payload != `"paid"` {
			t.Errorf("got %s %v, want the redriven one to succeed", r.Status, r.Error)
		}
		if got, want := strings.Join(p.did, " "), "1 2 3 2"; got != want {
			t.Errorf("the function did %s, want %s", got, want)
		}
		if d, err := f.Describe(t.Context(), s.ARN); err != nil || d.Name != "order-7-2" || *d.Input != `{"order":7}` {
			t.Errorf("got %+v, %v", d, err)
		}
		if x, err := f.Explain(t.Context(), s.ARN); err != nil || x.Origin != arn {
			t.Errorf("got %+v, %v, want the origin %s", x, err, arn)
		}
		want := "ExecutionStarted StepStarted StepSucceeded StepStarted StepSucceeded StepSucceeded InvocationCompleted ExecutionSucceeded"
		if got := f.history(s.ARN); got != want {
			t.Errorf("history:\n got %s\nwant %s", got, want)
		}
		again, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn, Redrive: true})
		if err != nil || !strings.Contains(again.ARN, "/order-7-3/") {
			t.Errorf("got %+v, %v, want the name order-7-3", again, err)
		}
		f.result(again.ARN)
		if _, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: s.ARN, Redrive: true}); err == nil {
			t.Error("what succeeded was redriven")
		}
	})
}

func TestForkWithAnotherResult(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		p := &payments{charge: func() bool { return false }}
		f.durable("order", p.handle)
		arn := f.start("order", "order-7", "")
		f.result(arn)
		result := `"waived"`
		s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn, After: "charge",
			Outcome: &engine.ForkOutcome{Result: &result}, Name: "waived"})
		if err != nil {
			t.Fatal(err)
		}
		if r := f.result(s.ARN); r.Status != protocol.ExecutionSucceeded || *r.Payload != result {
			t.Errorf("got %s %v", r.Status, r.Error)
		}
		for want, req := range map[string]*engine.ForkRequest{
			"has an execution of the name waived already": {ARN: arn, Name: "waived"},
			"has no operation nosuch":                     {ARN: arn, Before: "nosuch"},
			"not both":                                    {ARN: arn, Before: "1", After: "2"},
			"and there is none":                           {ARN: arn, Outcome: &engine.ForkOutcome{}},
			"is not a name":                               {ARN: arn, Name: "a b"},
			"Function not found":                          {ARN: arn, Qualifier: "17"},
			"Invalid durable execution ARN":               {ARN: "nonsense"},
			"Durable Execution does not exist":            {ARN: arn + "0"},
		} {
			_, err := f.Fork(t.Context(), req)
			if refused, ok := errors.AsType[*protocol.Error](err); !ok || !strings.Contains(refused.Message, want) {
				t.Errorf("%+v: got %v, want %q", req, err, want)
			}
		}
	})
}

// A fork of an open execution has callbacks and children of its own.
func TestForkOfAnOpenExecution(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("child", func(c *call) engine.Outcome { return succeed("child of " + c.ExecutionARN) })
		f.durable("order", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(protocol.Update{ID: "1", Name: "approve", Type: protocol.TypeCallback, Action: protocol.ActionStart})
			}
			if c.op("1").Status != protocol.StatusSucceeded {
				return pending()
			}
			return succeed(*c.op("1").Payload)
		})
		arn := f.start("order", "", "")
		synctest.Wait()
		s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, one := range []string{s.ARN, arn} {
			x, err := f.Explain(t.Context(), one)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.SucceedCallback(t.Context(), x.Reasons[0].CallbackID, []byte(one)); err != nil {
				t.Fatal(err)
			}
			if r := f.result(one); *r.Payload != one {
				t.Errorf("got %s, want the answer that was given to it", *r.Payload)
			}
		}
	})
}

func TestForkInvokesAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("child", func(c *call) engine.Outcome {
			if !c.wait("1", 60) {
				return pending()
			}
			return succeed(`"` + c.ExecutionARN + `"`)
		})
		f.durable("parent", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(protocol.Update{
					ID: "1", Type: protocol.TypeChainedInvoke, Action: protocol.ActionStart,
					ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: "child"},
				})
			}
			if c.op("1").Status != protocol.StatusSucceeded {
				return pending()
			}
			return succeed(*c.op("1").Payload)
		})
		arn := f.start("parent", "", "")
		synctest.Wait()
		s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn})
		if err != nil {
			t.Fatal(err)
		}
		first, second := f.result(arn), f.result(s.ARN)
		if *first.Payload == *second.Payload {
			t.Errorf("both heard of one child, %s", *first.Payload)
		}
		third, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn})
		if err != nil {
			t.Fatal(err)
		}
		if r := f.result(third.ARN); *r.Payload != *first.Payload {
			t.Errorf("got %s, want what the invoke had brought, %s", *r.Payload, *first.Payload)
		}
		if got := strings.Count(f.names(&engine.ListRequest{Filter: engine.Filter{Function: "child"}}), " ") + 1; got != 2 {
			t.Errorf("there are %d children, want 2", got)
		}
	})
}

// A fork may have another event: with nothing copied, or with what was
// recorded for the old one.
func TestForkWithAnotherEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		ran := 0 // the step
		f.durable("echo", func(c *call) engine.Outcome {
			input := c.in.InitialExecutionState.Operations[0].Payload
			if c.op("1").ID == "" {
				ran++
			}
			if !c.step("1", `"first"`) {
				return crash("refused")
			}
			if input == nil {
				return succeed("nothing")
			}
			return succeed(*input)
		})
		arn := f.start("echo", "one", `"old"`)
		f.result(arn)
		text := func(s string) *string { return &s }
		for _, test := range []struct {
			req    engine.ForkRequest
			result string
			runs   int // of the step
		}{
			{engine.ForkRequest{}, `"old"`, 0},
			{engine.ForkRequest{Input: text(`"new"`)}, `"new"`, 1},
			{engine.ForkRequest{Input: text("")}, "nothing", 1},
			{engine.ForkRequest{Input: text(`"new"`), After: "1"}, `"new"`, 0},
			{engine.ForkRequest{Input: text(`"new"`), Before: "1"}, `"new"`, 1},
		} {
			ran = 0
			test.req.ARN = arn
			s, err := f.Fork(t.Context(), &test.req)
			if err != nil {
				t.Fatal(err)
			}
			if r := f.result(s.ARN); r.Payload == nil || *r.Payload != test.result {
				t.Errorf("%+v: got %v, want %s", test.req, r, test.result)
			}
			if ran != test.runs {
				t.Errorf("%+v: the step ran %d times, want %d", test.req, ran, test.runs)
			}
		}
		for want, input := range map[string]string{
			"must be smaller than": strings.Repeat("x", protocol.MaxSyncPayload+1), "not valid UTF-8": "\xff",
		} {
			if _, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn, Input: &input}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}

// A fork with another event of an execution that did nothing yet copies nothing.
func TestForkOfNothingWithAnotherEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("echo", func(c *call) engine.Outcome {
			if *c.in.InitialExecutionState.Operations[0].Payload == "1" {
				return crash("1 is wrong")
			}
			return succeed("2")
		})
		arn := f.start("echo", "", "1")
		input := "2"
		s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn, Input: &input})
		if err != nil {
			t.Fatal(err)
		}
		if r := f.result(s.ARN); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("got %+v", r)
		}
	})
}
