package sandbox

import (
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// spawner starts processes from one OS thread that lives as long as they do. The kernel kills a process with
// Pdeathsig when the thread that started it ends, rather than the engine; and the Go runtime ends threads as it
// pleases, unless a goroutine is locked to them.
type spawner struct {
	starts chan func()
	stop   func()
}

func newSpawner() *spawner {
	s := &spawner{starts: make(chan func())}
	s.stop = sync.OnceFunc(func() { close(s.starts) })
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for start := range s.starts {
			start()
		}
	}()
	return s
}

// start is os.StartProcess.
func (s *spawner) start(path string, argv []string, attr *os.ProcAttr) (proc *os.Process, err error) {
	done := make(chan struct{})
	s.starts <- func() {
		defer close(done)
		proc, err = startProcess(path, argv, attr)
	}
	<-done
	return proc, err
}

func processGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// reap waits for the end of a process. It calls killRest while the dead process still holds its id, so that the id
// is surely that of its group.
func reap(proc *os.Process, killRest func()) (*os.ProcessState, error) {
	for unix.Waitid(unix.P_PID, proc.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	killRest()
	return proc.Wait()
}
