package machine_test

import (
	"fmt"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
)

// An execution remembers the last 16 tokens that acted, over a restart, too,
// and no more.
func TestActs(t *testing.T) {
	r := newRun(t)
	act := func(token string) {
		r.do(func(d *machine.Draft) error { d.KeepAct(token); return nil })
	}
	for i := range 20 {
		act(fmt.Sprint("token ", i))
	}
	entries := len(r.journal)
	act("")
	equal(t, "entries", len(r.journal), entries)
	for _, x := range []*machine.Execution{r.x, r.reload()} {
		var known []int
		for i := range 20 {
			if x.Acted(fmt.Sprint("token ", i)) {
				known = append(known, i)
			}
		}
		equal(t, "tokens", known, []int{4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19})
		if x.Acted("") {
			t.Error("the empty token has acted")
		}
	}
	r.vet()
}

// A dropped draft has not acted, and does not harm the tokens of the others.
func TestDroppedActs(t *testing.T) {
	r := newRun(t)
	r.do(func(d *machine.Draft) error { d.KeepAct("first"); return nil })
	d := r.x.Draft(r.now)
	d.KeepAct("dropped")
	if !d.Acted("dropped") {
		t.Error("a draft does not know its own token")
	}
	r.do(func(d *machine.Draft) error { d.KeepAct("second"); return nil })
	equal(t, "tokens", []bool{r.x.Acted("first"), r.x.Acted("dropped"), r.x.Acted("second")}, []bool{true, false, true})
}
