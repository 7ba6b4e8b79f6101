package machine_test

import (
	"fmt"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// reasons are the reasons of r's execution as "kind label count until", the
// last in seconds from now.
func reasons(r *run) []string {
	var all []string
	for _, x := range r.x.Explain(r.now) {
		until := "never"
		if x.Until != 0 {
			until = fmt.Sprint(x.Until.Sub(r.now).Seconds())
		}
		all = append(all, fmt.Sprint(x.Kind, "/", x.Label, "/", x.Count, "/", until))
	}
	return all
}

func TestExplain(t *testing.T) {
	r := newRun(t)
	equal(t, "at first", reasons(r), []string{"queued//0/never"})
	r.invoke()
	named := callback("c1", 60, 30)
	named.Name = "approve"
	inner := in("w1", callback("w1-1", 0, 0))
	inner.Name = "payment-callback"
	outer := openContext("w1")
	outer.Name, outer.SubType = "payment", protocol.SubTypeWaitForCallback
	poll := retry("p", 20)
	poll.Error, poll.Payload = nil, str("1")
	r.must(r.checkpoint(
		wait("w", 600), poll, retry("s", 40), step(protocol.ActionStart, "b"), named, outer, inner,
		invoke("i", "child"), invoke("f", "plain"), invoke("m", "missing"), succeed("d", "1"),
	))
	equal(t, "running", reasons(r), []string{
		"running//1/never", "in step/b/1/never", "retry/s/1/40",
		"callback/approve/0/30", "callback/payment/0/never",
		"invoke/i/0/never", "invoke/f/0/never", "poll/p/1/20", "wait/w/0/600",
	})
	r.crash("Runtime.ExitError")
	r.sleep(25)
	r.fire()
	if got := reasons(r)[:2]; got[0][:9] != "failing//" || got[1][:6] != "queued" {
		t.Errorf("got %v, want a failure and a queued invocation", got)
	}
	r.invoke()
	r.must(r.checkpoint(finish("1")))
	equal(t, "closing", reasons(r)[:3], []string{"closing//0/never", "running//2/never", "in step/b/1/never"})
	r.end(pending)
	equal(t, "closed", reasons(r), nil)
}

func TestExplainTarget(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(invoke("i", "child"), invoke("f", "plain")))
	r.end(pending)
	r.x = r.reload()
	all := r.x.Explain(r.now)
	equal(t, "durable", *all[0].Target, machine.InvokeTarget{
		Function: "child", Version: "2", ARN: "arn:aws:lambda:us-east-1:000000000000:function:child:2/durable-execution/child/1",
	})
	equal(t, "plain", *all[1].Target, machine.InvokeTarget{Function: "plain", Version: "3"})
}
