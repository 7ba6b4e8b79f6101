//go:build unix

package build

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a tool and its children into a process group, which is interrupted as a whole.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
}
