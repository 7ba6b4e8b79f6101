package machine_test

import (
	"pgregory.net/rapid"

	"github.com/perdure/perdure/internal/core/machine"
)

// forkIt forks the execution as it is, at a place that may be any, and checks
// the fork for what it must be wherever that is.
func (m *model) forkIt(rt *rapid.T) {
	var cuts []machine.Cut
	if all := ops(m.x)[1:]; len(all) > 0 && rapid.Bool().Draw(rt, "cut") {
		cut := machine.Cut{Operation: rapid.SampledFrom(all).Draw(rt, "at").ID, Keep: rapid.Bool().Draw(rt, "keep")}
		if rapid.Bool().Draw(rt, "edit") {
			cut.Outcome = &machine.Outcome{}
		}
		cuts = append(cuts, cut)
	}
	f := &run{t: m.t, now: m.now, targets: 1000}
	id := identity()
	id.ARN.Name, id.ARN.ID = "fork", "0002"
	req := &machine.ForkRequest{Identity: id, Cuts: cuts, CallbackID: callbackID, Resolve: f.resolve}
	d, err := m.x.Fork(m.records, req, m.now, nil)
	if err != nil {
		rt.Fatal(err)
	}
	f.commit(d)
	m.do(func(d *machine.Draft) error {
		d.KeepFork(&machine.Fork{ARN: f.x.ARN(), Redrive: rapid.Bool().Draw(rt, "redrive")})
		return nil
	})
	if !machine.Same(f.x, f.reload()) {
		rt.Fatal("what is read back of a fork is another execution")
	}
	if !f.x.WantsInvocation(f.now) || f.x.Invoking() {
		rt.Fatal("a fork wants an invocation")
	}
	pending, open := f.x.Pending()
	if wantPending, wantOpen := f.x.Recount(); pending != wantPending || open != wantOpen {
		rt.Fatalf("got %d pending operations and open ones %v, want %d and %v", pending, open, wantPending, wantOpen)
	}
	for i, typ := range f.types(1) {
		if typ[0] < 'A' || typ[0] > 'Z' {
			rt.Fatalf("event %d is a %s", i+1, typ)
		}
	}
	if len(cuts) == 0 && len(ops(f.x)) > len(ops(m.x)) {
		rt.Fatalf("a fork has %d operations, its origin %d", len(ops(f.x)), len(ops(m.x)))
	}
}
