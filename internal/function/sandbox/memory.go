package sandbox

import (
	"time"
)

// memoryEvery is how often the memory of a process is looked at. What it
// allocates in between comes on top of its limit.
const memoryEvery = 100 * time.Millisecond

func (p *Pool) limitsMemory() bool { return p.cfg.MemoryMB > 0 && !p.cfg.NoTimeout }

// watchMemory kills a process that uses more memory than its function has,
// with its children, until it ends. There is no limit that the kernel would
// enforce for us: control groups belong to the machine's owner, and limits of
// the address space are far from what a runtime that reserves it really uses.
func (p *Pool) watchMemory(proc *process) {
	limit := int64(p.cfg.MemoryMB) << 20
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-proc.exited:
			return
		}
		if used := memoryOf(proc.os.Pid); used > limit && !proc.hasExited() {
			proc.overMemory.Store(used)
			proc.kill()
			return
		}
	}
}
