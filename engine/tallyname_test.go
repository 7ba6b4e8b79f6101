package engine

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// ends is the end of an operation of this name.
func ends(name string) machine.Record {
	return machine.Record{Event: protocol.Event{Type: protocol.EventStepSucceeded, Name: name}, Took: 2e6}
}

// counted are the numbers of operations by name.
func (y *tally) counted() map[string]int {
	all := map[string]int{}
	for of, o := range y.operations {
		all[of.String()] += int(o.ended)
	}
	if y.overflown {
		all["others"] = int(y.others.ended)
	}
	return all
}

func newTally() *tally {
	return &tally{operations: map[operationName]*operationTally{}, alike: map[operationName]int{}}
}

// TestNamesAlike: what people would call one operation is counted as one, once there are many of them, and nothing of
// what was counted before is lost.
func TestNamesAlike(t *testing.T) {
	var budget nameBudget
	y := newTally()
	count := func(n int, name func(int) string) {
		for i := range n {
			y.note([]machine.Record{ends(name(i))}, nil, &budget)
		}
	}
	format := func(f string) func(int) string { return func(i int) string { return fmt.Sprintf(f, i) } }
	count(2, func(int) string { return "charge" })
	count(mostAlike, format("step %d"))
	for name, n := range y.counted() {
		if name != "charge" && n != 1 {
			t.Errorf("%d names alike: got %d of %s, want each by itself", mostAlike, n, name)
		}
	}
	count(1000, format("order-%d"))
	count(1000, format("%08xab-order.v1"))
	count(1000, format("2026-11-%d"))
	count(1000, format("ördér %d €"))
	count(1, func(int) string { return "order-#" })
	got := y.counted()
	for i := range mostAlike {
		delete(got, fmt.Sprintf("step %d", i))
	}
	want := map[string]int{"charge": 2, "order-#": 1001, "#-order.v#": 1000, "#": 1000, "ördér # €": 1000}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	o := y.operations[operationName{kind: protocol.TypeStep, name: "order-#", alike: true}]
	if times := o.took.summary(); times.Count != 1000 || times.Mean != 2e6 || times.Max != 2e6 {
		t.Errorf("got %+v, want a thousand times 2 ms", times)
	}
	if budget.used != len(y.operations) {
		t.Errorf("%d names are taken from what there is for all, and %d are known", budget.used, len(y.operations))
	}
}

// TestNamesOfOtherKinds: names that are alike, of operations that are not, are not counted together.
func TestNamesOfOtherKinds(t *testing.T) {
	var budget nameBudget
	y := newTally()
	for i := range 100 {
		step := ends(fmt.Sprint("a", i))
		wait := step
		wait.Type = protocol.EventWaitSucceeded
		y.note([]machine.Record{step, wait}, nil, &budget)
	}
	if len(y.operations) != 2 {
		t.Errorf("got %v, want steps and waits", y.counted())
	}
}

// TestPatterns: numbers and ids are left out, and words are not.
func TestPatterns(t *testing.T) {
	for name, want := range map[string]string{
		"charge": "", "": "", "v2": "v#", "step 12 of 30": "step # of #", "item-9999": "item-#",
		"order-4f1c2d3e4a5b": "order-#", "deadbeef": "", "4f1c2d3e-1111-4222-8333-123456789012": "#",
		"customer_17/order_4": "customer_#/order_#", "ü1": "ü#", "1ü": "#ü", "2026-11-28T03:54:12Z": "#T#Z",
	} {
		if got := (operationName{name: name}).pattern().name; got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// TestNamesAlikeTakeNoMemory: it happens for each operation, and most names come once only.
func TestNamesAlikeTakeNoMemory(t *testing.T) {
	var budget nameBudget
	y := newTally()
	var names []operationName
	for i := range 1000 {
		names = append(names, operationName{kind: protocol.TypeStep, name: fmt.Sprintf("order-%d of 2026-11-%d", i, i%30)})
	}
	for _, name := range names[:100] {
		y.operation(name, &budget)
	}
	i := 0
	if got := testing.AllocsPerRun(len(names), func() { y.operation(names[i%len(names)], &budget); i++ }); got != 0 {
		t.Errorf("a name that is counted with others takes %v allocations, want none", got)
	}
}
