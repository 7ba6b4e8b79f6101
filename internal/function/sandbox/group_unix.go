//go:build unix

package sandbox

import (
	"os"
	"syscall"
)

// signalGroup signals a process and its descendants that did not leave its group.
func signalGroup(proc *os.Process, sig syscall.Signal) { syscall.Kill(-proc.Pid, sig) }
