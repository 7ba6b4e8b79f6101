package sandbox

import "time"

// holdEvery is how often one looks whether a debugger is still at a process
// whose time is over.
const holdEvery = 250 * time.Millisecond

// traced reports whether a debugger is at the process, or at one that it
// started: nothing of it runs then unless somebody lets it.
func (proc *process) traced() bool {
	return !proc.hasExited() && isTraced(proc.os.Pid)
}
