//go:build unix

package sandbox

import (
	"log/slog"
	"os/exec"
	"syscall"
	"testing"
)

// A function can stop the guardian, which nobody must wait for.
func TestGuardianThatIsStopped(t *testing.T) {
	t.Parallel()
	function := exec.Command("sleep", "60")
	function.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	g := &guardian{log: slog.New(slog.DiscardHandler)}
	g.add(function.Process.Pid)
	first := g.shell
	stop := func() {
		if err := g.shell.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
	}
	stop()
	const more = 20_000 // than the pipe to a shell holds
	for range more {
		if g.add(function.Process.Pid); g.shell != first {
			break
		}
	}
	if g.shell == first || len(g.groups) != 1 {
		t.Errorf("the shell was not replaced, or not told: %d groups", len(g.groups))
	}
	stop()
	g.dismiss()
	if err := function.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_ = function.Wait()
	if s := function.ProcessState.Sys().(syscall.WaitStatus).Signal(); s != syscall.SIGTERM {
		t.Errorf("the function ended by %v: guardians that were stopped killed it", s)
	}
}
