package sandbox

import "time"

// maxTasks bounds the processes and threads of one function process and those that it started, as on Lambda.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxTasks = 1024

// tasksEvery is how often one looks whether there are too many.
const tasksEvery = 100 * time.Millisecond

// watchTasks kills process groups that have grown beyond maxTasks, until the pool is closed. The kernel's limit,
// see limitTasks, is per user and does not hold for root. All processes are looked at only when there are many more
// of them than there were.
func (p *Pool) watchTasks() {
	ticker := time.NewTicker(tasksEvery)
	defer ticker.Stop()
	least := countTasks()
	for {
		select {
		case <-ticker.C:
		case <-p.closing.Done():
			return
		}
		p.mu.Lock()
		idle := len(p.processes) == 0
		p.mu.Unlock()
		if idle {
			continue
		}
		n := countTasks()
		if least = min(least, n); n-least < maxTasks {
			continue
		}
		least = n // should they be somebody else's, do not look again and again
		byGroup := tasksOfGroups()
		p.mu.Lock()
		for proc := range p.processes {
			if n := byGroup[proc.os.Pid]; n > maxTasks && !proc.hasExited() {
				proc.overTasks.Store(int64(n))
				proc.kill()
			}
		}
		p.mu.Unlock()
	}
}
