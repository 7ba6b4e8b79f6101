package machine

import "reflect"

// Same reports whether two executions are the same in every private respect.
func Same(a, b *Execution) bool {
	return a.state.invocation == b.state.invocation &&
		reflect.DeepEqual(a.state, b.state) &&
		reflect.DeepEqual(a.ops, b.ops) &&
		reflect.DeepEqual(a.index, b.index) &&
		reflect.DeepEqual(a.timers, b.timers)
}

// Pending returns the counters that decide about PENDING answers and restarts.
func (x *Execution) Pending() (pending, calling int) { return x.pending, x.calling }

// Recount counts them from the operations.
func (x *Execution) Recount() (pending, calling int) {
	for _, o := range x.ops {
		pending += count(o.pending())
		calling += count(o.calling())
	}
	return pending, calling
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
