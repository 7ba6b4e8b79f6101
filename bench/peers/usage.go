package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// part is a part of the processes below one.
type part int

const (
	itself part = iota
	children
	whole
)

// group are processes whose use of the machine is one figure.
type group struct {
	pid  int
	part part
}

// usage is what a group has used.
type usage struct {
	CPU      time.Duration // since its beginning
	Memory   int64         // bytes that were resident at most; pages that are shared count once
	Resident int64         // bytes that are resident, of all processes together
}

// stat is what /proc says of a process.
type stat struct {
	pid, parent     int
	own, ofChildren time.Duration // CPU; of children that have ended
}

// tick is the unit of CPU times in /proc: USER_HZ, which is 100 on every Linux.
const tick = 10 * time.Millisecond

// parseStat reads a line of /proc/PID/stat. The name, in parentheses, may have blanks and parentheses.
func parseStat(line string) (s stat, err error) {
	head, rest, _ := strings.Cut(line, " (")
	end := strings.LastIndexByte(rest, ')')
	fields := strings.Fields(rest[end+1:])
	if len(fields) < 15 {
		return s, fmt.Errorf("%q is no line of /proc/PID/stat", line)
	}
	var n [6]int64
	for i, text := range []string{head, fields[1], fields[11], fields[12], fields[13], fields[14]} {
		if n[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return s, err
		}
	}
	return stat{int(n[0]), int(n[1]), time.Duration(n[2]+n[3]) * tick, time.Duration(n[4]+n[5]) * tick}, nil
}

// processes returns all that run, by pid.
func processes() map[int]stat {
	all := map[int]stat{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		if s, err := parseStat(string(line)); err == nil {
			all[s.pid] = s
		}
	}
	return all
}

// of returns the pids of a group, ascending, and the CPU time that it has used.
func (g group) of(all map[int]stat) (pids []int, cpu time.Duration) {
	below := func(pid int) bool {
		for hops := 0; pid > 1 && hops < 64; hops++ {
			if pid = all[pid].parent; pid == g.pid {
				return true
			}
		}
		return false
	}
	if g.part != children {
		pids = append(pids, g.pid)
		cpu += all[g.pid].own
	}
	if g.part != itself {
		cpu += all[g.pid].ofChildren
		for pid, s := range all {
			if below(pid) {
				pids = append(pids, pid)
				cpu += s.own + s.ofChildren
			}
		}
	}
	slices.Sort(pids)
	return pids, cpu
}

// usageOf reads what groups have used.
func usageOf(groups []group) usage {
	var u usage
	all := settled(groups, processes)
	var shared, files int64
	for _, g := range groups {
		pids, cpu := g.of(all)
		u.CPU += cpu
		for _, pid := range pids {
			u.CPU += max(0, ofThreads(pid)-all[pid].own)
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				continue
			}
			m := parseMemory(string(text))
			u.Resident += m.resident
			u.Memory += m.peak - m.shared - m.files
			shared, files = max(shared, m.shared), max(files, m.files)
		}
	}
	u.Memory += shared + files
	return u
}

// ofThreads is the CPU time of a process's threads, without those that have ended. It is in nanoseconds, where that of
// the whole is in ticks, rounded down: a hundred processes that did little did nothing by those.
func ofThreads(pid int) (cpu time.Duration) {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		running, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(running, 10, 64)
		cpu += time.Duration(n)
	}
	return cpu
}

// settled scans until two scans in a row find the same processes in the groups. One that ends while it is scanned is
// otherwise counted twice, or not at all: its parent has its CPU time from then on.
func settled(groups []group, scan func() map[int]stat) (all map[int]stat) {
	var before []int
	for range 5 {
		var now []int
		all = scan()
		for _, g := range groups {
			pids, _ := g.of(all)
			now = append(now, pids...)
		}
		if slices.Equal(now, before) {
			break
		}
		before = now
	}
	return all
}

// memory is of one process, in bytes.
type memory struct{ peak, resident, files, shared int64 }

// parseMemory reads /proc/PID/status.
func parseMemory(status string) (m memory) {
	into := map[string]*int64{"VmHWM": &m.peak, "VmRSS": &m.resident, "RssFile": &m.files, "RssShmem": &m.shared}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		if to := into[name]; to != nil {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			*to = kilobytes << 10
		}
	}
	return m
}
