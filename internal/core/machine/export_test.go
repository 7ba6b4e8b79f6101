package machine

import (
	"iter"
	"maps"
	"reflect"
	"slices"

	"github.com/perdure/perdure/protocol"
)

// Words are the words of the codec.
func Words() []string { return slices.Clone(words[:]) }

// Types are all types of records.
func Types() iter.Seq[protocol.EventType] {
	all := maps.Clone(protocol.Meanings)
	maps.Copy(all, internal)
	return maps.Keys(all)
}

// Same reports whether two executions are the same in every private respect.
func Same(a, b *Execution) bool {
	return a.state.invocation == b.state.invocation &&
		reflect.DeepEqual(a.state, b.state) &&
		reflect.DeepEqual(a.ops, b.ops) &&
		reflect.DeepEqual(a.index, b.index) &&
		reflect.DeepEqual(a.timers, b.timers)
}

// Pending returns the counters that decide about PENDING answers, and about
// what the execution is doing.
func (x *Execution) Pending() (pending int, open [doings]int) { return x.pending, x.open }

// Recount counts them from the operations.
func (x *Execution) Recount() (pending int, open [doings]int) {
	for _, o := range x.ops {
		pending += count(o.pending())
		for i := range open {
			open[i] += int(o.doing() >> i & 1)
		}
	}
	return pending, open
}

// Timers returns the number of timers kept.
func (x *Execution) Timers() int { return len(x.timers) }

// HiddenNews returns the operations that changed without the function having
// heard of it, and that it will never see.
func (x *Execution) HiddenNews() (ids []string) {
	for _, i := range x.news {
		if x.hidden(x.ops[i]) {
			ids = append(ids, x.ops[i].ID)
		}
	}
	return ids
}
