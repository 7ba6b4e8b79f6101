package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

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
