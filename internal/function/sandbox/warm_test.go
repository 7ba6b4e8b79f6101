//go:build unix

package sandbox_test

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// TestWarm: the first invocation finds a process that has said that it is there.
func TestWarm(t *testing.T) {
	f := newFixture(t, "said pid", func(c *sandbox.Config) { c.MaxProcesses = 1 })
	if e := f.Warm(t.Context()); e != nil {
		t.Fatalf("got %+v", e)
	}
	if e := f.Warm(t.Context()); e != nil {
		t.Fatalf("the second time: got %+v", e)
	}
	if said := f.output(); len(said) != 1 || !strings.HasSuffix(said[0], " stdout ready") {
		t.Errorf("before the first invocation got output %q", said)
	}
	first := f.pid(nil)
	if again := f.pid(nil); again != first {
		t.Errorf("got two processes, %d and %d", first, again)
	}
	if n := len(f.output()); n != 1 {
		t.Errorf("%d processes were started, want 1", n)
	}
}

func TestWarmThatFails(t *testing.T) {
	f := newFixture(t, "crash at start", nil)
	e := f.Warm(t.Context())
	if e == nil || e.ErrorType != protocol.ErrorTypeExit || !strings.Contains(e.ErrorMessage, "no database") {
		t.Errorf("got %+v, want how it ended", e)
	}
}
