package top

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/perdure/perdure/internal/top/ptytest"
	"github.com/perdure/perdure/protocol"
)

// run shows an engine on a terminal, and returns how that ended.
func run(ctx context.Context, term *ptytest.Terminal, opt *Options) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, term.Program, term.Program, opt) }()
	return ended
}

// TestOnTerminal is a session of a person with an engine: look, filter, ask why, stop, another size, and an engine that
// goes away and comes back.
func TestOnTerminal(t *testing.T) {
	w := newWorld(t)
	register(w, "ask", ask)
	register(w, "pay", decline)
	w.start("pay", "p-1", true)
	arn := w.start("ask", "a-1", false)
	term := ptytest.New(t, 100, 24)
	ended := run(t.Context(), term, w.options("OPERATOR"))
	term.Sees("2 executions  1 FAILED  1 RUNNING  1 callback")
	term.Sees("waits for callback approval")
	term.Sees("1 of pay failed with declined")
	term.Types("/status=running\r")
	term.Sees("1 execution  1 RUNNING")
	term.Types("\r")
	term.Sees("Esc back")
	term.Sees(arn[:90])
	term.Types("s")
	term.Sees("a-1: Stop it for good?")
	term.Types("y")
	term.Sees("a-1: it is stopped")
	if x, err := w.engine.Explain(t.Context(), arn); err != nil || x.Status != protocol.ExecutionStopped {
		t.Errorf("got %+v, %v, want it stopped", x, err)
	}
	term.Types("\x1b")
	term.Sees("no execution is like that")
	term.Types("/\x15\r") // Ctrl-U empties the filter
	term.Sees("> FAILED")
	term.Resize(45, 12)
	term.Awaits("a narrow list", func(screen string) bool {
		return strings.Contains(screen, "STATE    FOR") && !strings.Contains(screen, "FUNCTION")
	})
	w.vanish()
	term.Sees("! no engine at")
	term.Sees("2 executions")
	w.appear()
	term.Awaits("that it is back", func(screen string) bool { return !strings.Contains(screen, "! no engine at") })
	term.Types("q")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTerminalIsGivenBack: a signal ends it like q, with the screen as it was before.
func TestTerminalIsGivenBack(t *testing.T) {
	w := newWorld(t)
	term := ptytest.New(t, 80, 24)
	before, err := unix.IoctlGetTermios(int(term.Program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := run(ctx, term, w.options("OPERATOR"))
	term.Sees("no executions yet")
	term.Types("/") // what the program asks the terminal goes out before a second screen, and is answered then
	term.Sees("Enter, Esc")
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	if err := <-ended; err != interrupted {
		t.Errorf("got %v, want that it was interrupted", err)
	}
	after, err := unix.IoctlGetTermios(int(term.Program.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal's modes changed: got %+v, want %+v (%v)", after, before, err)
	}
	term.Awaits("the screen of before", func(screen string) bool { return strings.TrimSpace(screen) == "" })
}

// TestReaderOnTerminal: who may only look is offered nothing else.
func TestReaderOnTerminal(t *testing.T) {
	w := newWorld(t)
	register(w, "ask", ask)
	arn := w.start("ask", "a-1", false)
	term := ptytest.New(t, 100, 24)
	ended := run(t.Context(), term, w.options("READER"))
	term.Sees("Enter why  / filter  q quit")
	term.Types("sy")
	term.Sees("q quit")
	term.Types("q")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if x, err := w.engine.Explain(t.Context(), arn); err != nil || x.Status != protocol.ExecutionRunning {
		t.Errorf("got %+v, %v, want it as it was", x, err)
	}
	// The engine refuses, too, whatever the screen offers.
	if _, err := stop(t.Context(), w.client("READER"), arn); !protocol.HasCode(err, protocol.CodeAccessDenied) {
		t.Errorf("got %v, want a refusal", err)
	}
}

// TestNoColor: with NO_COLOR nothing is coloured, and what is selected is seen all the same.
func TestNoColor(t *testing.T) {
	w := newWorld(t)
	register(w, "pay", decline)
	w.start("pay", "p-1", true)
	for _, noColor := range []string{"", "1"} {
		t.Setenv("NO_COLOR", noColor)
		t.Setenv("TERM", "xterm-256color")
		term := ptytest.New(t, 100, 24)
		ended := run(t.Context(), term, w.options("OPERATOR"))
		term.Sees("> FAILED")
		term.Types("q")
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if coloured := strings.Contains(term.Raw(), "31m"); coloured != (noColor == "") {
			t.Errorf("NO_COLOR=%s: coloured is %v", noColor, coloured)
		}
	}
}
