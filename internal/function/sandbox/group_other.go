//go:build !unix

package sandbox

import (
	"os"
	"syscall"
)

// signalGroup kills the process, whatever the signal; there are no groups.
func signalGroup(proc *os.Process, _ syscall.Signal) { proc.Kill() }

func processGroup() *syscall.SysProcAttr { return nil }
