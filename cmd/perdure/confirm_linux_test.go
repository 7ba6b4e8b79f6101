package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/perdure/perdure/internal/top/ptytest"
)

// Whoever is asked to confirm may say no, or interrupt the command.
func TestConfirmOnTerminal(t *testing.T) {
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("what nobody confirmed was begun: %s %s", r.Method, r.URL)
		}
		io.WriteString(w, `{"Total":1,"Executions":[]}`)
	}))
	defer engine.Close()
	for _, test := range []struct {
		args []string
		asks string
		does func(term *ptytest.Terminal, p *os.Process)
		code int
	}{
		{[]string{"stop"}, "Stop it? [y/N]", func(term *ptytest.Terminal, _ *os.Process) { term.Types("n\n") }, 2},
		{[]string{"callback", "succeed"}, "Succeed the callbacks of it? [y/N]",
			func(_ *ptytest.Terminal, p *os.Process) { p.Signal(os.Interrupt) }, 130},
	} {
		term := ptytest.New(t, 80, 24)
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Args = append([]string{"perdure"}, append(test.args, "--name", "x", "--endpoint", engine.URL)...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = term.Program, term.Program, term.Program
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		term.Sees(test.asks)
		test.does(term, cmd.Process)
		if cmd.Wait(); cmd.ProcessState.ExitCode() != test.code {
			t.Errorf("%q: got %v, want status %d", test.args, cmd.ProcessState, test.code)
		}
	}
}
