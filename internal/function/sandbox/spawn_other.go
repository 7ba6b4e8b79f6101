//go:build !linux

package sandbox

import "os"

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
