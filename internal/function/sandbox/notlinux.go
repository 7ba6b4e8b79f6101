//go:build !linux

package sandbox

import "os"

// isTraced knows nothing here; Config.NoTimeout holds time limits off.
func isTraced(int) bool { return false }

// memoryOf knows nothing here: no process is ever over its limit.
func memoryOf(int) int64 { return 0 }

// oomKills knows nothing here.
func oomKills() int { return 0 }

// Shelter does nothing here, where other users' processes cannot read this one's
// environment, and those of the same user can.
func Shelter() error { return nil }

func limitTasks(int) {}

// countTasks knows nothing here: there are never too many.
func countTasks() int { return 0 }

func tasksOfGroups() map[int]int { return nil }

// spawner starts processes.
type spawner struct{}

func newSpawner() *spawner { return &spawner{} }

func (*spawner) stop() {}

// start is os.StartProcess.
func (*spawner) start(path string, argv []string, attr *os.ProcAttr) (*os.Process, error) {
	return startProcess(path, argv, attr)
}

// reap waits for the end of a process and calls killRest.
func reap(proc *os.Process, killRest func()) (*os.ProcessState, error) {
	state, err := proc.Wait()
	killRest()
	return state, err
}
