//go:build linux

package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
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

// Shelter keeps this process's secrets from the functions that it runs: other processes of the same user could read
// its memory, and the environment that it was started with, which may hold real keys. Afterwards only root can read
// them, and finds the environment empty; and only root's debuggers can attach. This process still has its
// environment.
func Shelter() error {
	if err := emptyEnvironment(); err != nil {
		return fmt.Errorf("keeping the engine's environment from functions: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keeping the engine's memory from functions: %w", err)
	}
	return nil
}

// emptyEnvironment overwrites /proc/PID/environ: the kernel's text from the start, of which the runtime has copies.
// Its place is in /proc/self/stat, see proc_pid_stat(5).
func emptyEnvironment() error {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	const third, envStart, envEnd = 3, 50, 51
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var start, end int64
	if len(fields) <= envEnd-third {
		return fmt.Errorf("/proc/self/stat has %d fields", len(fields)+third-1)
	}
	if _, err := fmt.Sscan(string(fields[envStart-third]), &start); err != nil {
		return err
	}
	if _, err := fmt.Sscan(string(fields[envEnd-third]), &end); err != nil {
		return err
	}
	if end <= start {
		return nil
	}
	memory, err := os.OpenFile("/proc/self/mem", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	_, err = memory.WriteAt(make([]byte, end-start), start)
	return err
}

// maxFamily bounds how many processes are looked at.
const maxFamily = 1000

// memoryOf returns the bytes of memory of a process and its descendants that cannot be dropped: not what is mapped
// from files. Ended processes use nothing.
func memoryOf(pid int) (used int64) {
	for _, member := range family(pid) {
		used += ownMemory(member)
	}
	return used
}

// oomKills is how many processes the system has killed since its start because it, or a control group, had no memory
// left. It does not say which.
func oomKills() int {
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(data, []byte("\noom_kill "))
	number, _, _ := bytes.Cut(rest, []byte("\n"))
	n, _ := strconv.Atoi(string(number))
	return n
}

// family returns a process and its descendants.
func family(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all) && i < maxFamily; i++ {
		all = append(all, children(all[i])...)
	}
	return all
}

// ownMemory reads /proc/PID/statm: total, resident and shared pages.
func ownMemory(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := bytes.Fields(data)
	if err != nil || len(fields) < 3 {
		return 0
	}
	resident, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	shared, _ := strconv.ParseInt(string(fields[2]), 10, 64)
	return (resident - shared) * int64(os.Getpagesize())
}

// children returns the children of all threads of a process.
func children(pid int) (pids []int) {
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, thread := range threads {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, thread.Name()))
		for _, field := range bytes.Fields(data) {
			if child, err := strconv.Atoi(string(field)); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// isTraced reports whether a process or a descendant of it has a tracer.
func isTraced(pid int) bool { return slices.ContainsFunc(family(pid), hasTracer) }

// hasTracer reads TracerPid of /proc/PID/status.
func hasTracer(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(data) {
		if tracer, ok := bytes.CutPrefix(line, []byte("TracerPid:")); ok {
			return string(bytes.TrimSpace(tracer)) != "0"
		}
	}
	return false
}

// limitTasks keeps a function from taking the last processes of its user, which are the engine's, too: without one
// for a thread, the Go runtime ends the engine. The limit counts all processes of the user. A failure leaves things
// as they are.
func limitTasks(pid int) {
	var ours unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &ours) != nil {
		return
	}
	most := min(ours.Cur, uint64(systemTasks()))
	const least, reserve = 512, 256
	if most < least {
		return // a function needs some, too
	}
	most -= reserve
	_ = unix.Prlimit(pid, unix.RLIMIT_NPROC, &unix.Rlimit{Cur: most, Max: most}, nil)
}

// systemTasks is the kernel's, or the control group's, limit of processes and threads.
func systemTasks() int64 {
	most := int64(1) << 40
	for _, path := range []string{"/proc/sys/kernel/threads-max", "/sys/fs/cgroup/pids.max",
		"/sys/fs/cgroup/pids/pids.max"} {
		data, err := os.ReadFile(path)
		if n, e := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64); err == nil && e == nil {
			most = min(most, n)
		}
	}
	return most
}

// countTasks returns the processes and threads of the machine, from the number behind the slash in /proc/loadavg.
func countTasks() int {
	data, err := os.ReadFile("/proc/loadavg")
	var running, all int
	var load [3]float64
	if _, e := fmt.Sscanf(string(data), "%f %f %f %d/%d", &load[0], &load[1], &load[2], &running, &all); err != nil ||
		e != nil {
		return 0
	}
	return all
}

// tasksOfGroups counts processes and threads by process group.
func tasksOfGroups() map[int]int {
	groups := map[int]int{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if name := entry.Name(); name[0] < '0' || name[0] > '9' {
			continue
		}
		data, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		_, rest, ok := bytes.Cut(data, []byte(") ")) // the name may hold anything
		if fields := bytes.Fields(rest); err == nil && ok && len(fields) > 17 {
			group, _ := strconv.Atoi(string(fields[2]))
			threads, _ := strconv.Atoi(string(fields[17]))
			groups[group] += threads
		}
	}
	return groups
}
