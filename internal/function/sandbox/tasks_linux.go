package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

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
	for _, path := range []string{"/proc/sys/kernel/threads-max", "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"} {
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
	if _, e := fmt.Sscanf(string(data), "%f %f %f %d/%d", &load[0], &load[1], &load[2], &running, &all); err != nil || e != nil {
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
