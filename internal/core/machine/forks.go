package machine

import (
	"slices"
	"unsafe"

	"github.com/perdure/perdure/protocol"
)

// keptForks is how many forks an execution remembers.
const keptForks = 20

// Fork is an execution that was made of another one, as that one remembers it.
type Fork struct {
	ARN     string
	Redrive bool               // it tries again what failed
	By      string             // who asked for it, for people; empty if that is not known
	At      protocol.Timestamp // when it was made
}

// KeepFork remembers that a fork was made of the execution, whatever this does now. One that it remembers already is
// not kept again.
func (d *Draft) KeepFork(f *Fork) {
	if !slices.ContainsFunc(d.forks, func(k Fork) bool { return k.ARN == f.ARN }) {
		d.emit(Record{Event: protocol.Event{Type: forked, DurableExecutionARN: f.ARN, By: f.By}, Redrive: f.Redrive})
	}
}

// BeginWith has a fork begin in the commit of this input, so that neither is there without the other.
func (d *Draft) BeginWith(fork *Draft) { d.fork = fork }

// Beginning is the draft of the fork that begins with this input; nil if there is none.
func (d *Draft) Beginning() *Draft { return d.fork }

// applyForked folds a remembered fork. Drafts share the list, so it is not changed in place.
func (d *Draft) applyForked(r *Record) {
	fork := Fork{ARN: r.DurableExecutionARN, Redrive: r.Redrive, By: r.By, At: r.Time}
	d.forks = slices.Concat(d.forks[max(0, len(d.forks)+1-keptForks):], []Fork{fork})
	d.redriven = d.redriven || r.Redrive
}

// Forks are the executions that were last made of this one, the newest last: at most 20. Do not modify them.
func (s *state) Forks() []Fork { return s.forks }

// Redriven reports whether what failed was tried again in a fork, however long ago.
func (s *state) Redriven() bool { return s.redriven }

// forksSize is the memory of the remembered forks.
func (s *state) forksSize() (n int) {
	for i := range s.forks {
		n += int(unsafe.Sizeof(s.forks[i])) + len(s.forks[i].ARN) + len(s.forks[i].By)
	}
	return n
}
