package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/top/ptytest"
)

// TestTopOnTerminal: on a terminal the command has a screen, unless the terminal cannot move its cursor; then it has
// lines.
func TestTopOnTerminal(t *testing.T) {
	nobody := "http://127.0.0.1:1"
	start := func(env string) (*ptytest.Terminal, *exec.Cmd) {
		term := ptytest.New(t, 80, 24)
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Args = []string{"perdure", "top", "--endpoint", nobody, "--interval", "100ms"}
		cmd.Env = append(os.Environ(), env)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = term.Program, term.Program, term.Program
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return term, cmd
	}
	term, cmd := start("TERM=xterm")
	term.Sees("! no engine at " + nobody + "; trying again")
	term.Types("q")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	term, cmd = start("TERM=dumb")
	term.Sees("perdure: no engine at " + nobody + "; trying again")
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("interrupted: got %v", cmd.ProcessState)
	}
	if raw := term.Raw(); strings.Contains(raw, "\x1b") {
		t.Errorf("a dumb terminal got control characters: %q", raw)
	}
}
