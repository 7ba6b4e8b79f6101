package dev

import (
	"testing"

	"github.com/perdure/perdure/internal/host"
)

// TestSwitching: what was replaced is retired once, when nobody uses it, and
// what is in use stays the same to those who use it.
func TestSwitching(t *testing.T) {
	var s switching
	retired := make(chan host.Running, 3)
	retire := func(r host.Running) { retired <- r }
	first, second := &running{}, &running{}
	s.replace(first, retire)
	a, b := s.take(), s.take()
	s.replace(second, retire)
	if c := s.take(); c.Running != second {
		t.Error("who comes later does not get the newest")
	} else {
		s.give(c)
	}
	if a.Running != first || b.Running != first {
		t.Error("what is in use was exchanged")
	}
	s.give(a)
	select {
	case <-retired:
		t.Fatal("it was retired while it was in use")
	default:
	}
	s.give(b)
	if got := <-retired; got != first {
		t.Error("something else was retired")
	}
	s.end(retire)
	if got := <-retired; got != second {
		t.Error("the end did not retire what was left")
	}
	select {
	case <-retired:
		t.Error("something was retired twice")
	default:
	}
}
