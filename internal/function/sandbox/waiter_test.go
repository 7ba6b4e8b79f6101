package sandbox

import "testing"

// An invocation that gets a place just as its patience ends has it, and nobody waits for it any more.
func TestPlaceComesAsPatienceEnds(t *testing.T) {
	p := &Pool{}
	p.cfg.Concurrency = 1
	s := &shelf{}
	w := &waiter{shelf: s, got: make(chan place, 1)}
	s.waiting = append(s.waiting, w)
	p.giveLocked(w, place{proc: &process{}})
	if again := p.starve(w, usualGraces.settle); again == 0 {
		t.Error("it waits no longer, and its place is lost")
	}
	if len(p.hungry) != 0 || s.hungry != 0 {
		t.Error("a process is to be started for it")
	}
}
