package main

import (
	"os"
	"slices"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	got, err := parseStat("4711 (a (b) c) S 12 4711 4711 0 -1 4194560 7 0 0 0 150 50 30 20 20 0 9 0 1")
	want := stat{pid: 4711, parent: 12, own: 2 * time.Second, ofChildren: 500 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, line := range []string{"", "1 (x", "1 (x) S 2", "x (x) S 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"} {
		if got, err := parseStat(line); err == nil {
			t.Errorf("%q: got %+v, want an error", line, got)
		}
	}
}

func TestGroups(t *testing.T) {
	s := time.Second
	all := map[int]stat{
		1:  {pid: 1},
		10: {pid: 10, parent: 1, own: 4 * s, ofChildren: 1 * s},
		11: {pid: 11, parent: 10, own: 2 * s},
		12: {pid: 12, parent: 11, own: 1 * s, ofChildren: 8 * s},
		20: {pid: 20, parent: 1, own: 100 * s},
	}
	for of, want := range map[part]struct {
		pids []int
		cpu  time.Duration
	}{
		itself:   {[]int{10}, 4 * s},
		children: {[]int{11, 12}, 12 * s},
		whole:    {[]int{10, 11, 12}, 16 * s},
	} {
		pids, cpu := group{10, of}.of(all)
		if !slices.Equal(pids, want.pids) || cpu != want.cpu {
			t.Errorf("%d: got %v, %v, want %v, %v", of, pids, cpu, want.pids, want.cpu)
		}
	}
}

// A process that ends during a scan is missing in it, and not yet in its parent: the next two scans have it.
func TestSettled(t *testing.T) {
	child := stat{pid: 11, parent: 10, own: time.Second}
	scans := []map[int]stat{
		{10: {pid: 10}, 11: child},
		{10: {pid: 10}},
		{10: {pid: 10, ofChildren: time.Second}},
		nil, // nobody asks
	}
	n := 0
	all := settled([]group{{10, children}}, func() map[int]stat { n++; return scans[n-1] })
	if _, cpu := (group{10, children}).of(all); n != 3 || cpu != time.Second {
		t.Errorf("got %v after %d scans, want 1s after 3", cpu, n)
	}
}

// The CPU time of a process is finer than a tick.
func TestUsageOfThisProcess(t *testing.T) {
	us := []group{{os.Getpid(), itself}}
	before := usageOf(us)
	for began := ofThreads(os.Getpid()); ofThreads(os.Getpid())-began < tick/5; {
	}
	after := usageOf(us)
	if used := after.CPU - before.CPU; used < tick/5 || used > time.Second || after.Memory < 1<<20 || after.Resident < 1<<20 {
		t.Errorf("got %v and then %v, want a fifth of a tick more, and some memory", before, after)
	}
}

func TestParseMemory(t *testing.T) {
	got := parseMemory("Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t  40 kB\nVmRSS:\t  30 kB\n" +
		"RssAnon:\t 1 kB\nRssFile:\t  8 kB\nRssShmem:\t  2 kB\n")
	if want := (memory{peak: 40 << 10, resident: 30 << 10, files: 8 << 10, shared: 2 << 10}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReadLateness(t *testing.T) {
	history := `{"Events":[{"EventType":"ExecutionStarted","EventTimestamp":1},
		{"EventType":"WaitStarted","EventTimestamp":1.1,"WaitStartedDetails":{"Duration":3,"ScheduledEndTimestamp":4.1}},
		{"EventType":"WaitSucceeded","EventTimestamp":4.15}`
	got, ended, err := readLateness([]byte(history + `]}`))
	if want := (lateness{wait: 50 * time.Millisecond}); err != nil || ended || got != want {
		t.Errorf("before its end: got %+v, %v, %v, want %+v", got, ended, err, want)
	}
	got, ended, err = readLateness([]byte(history + `,{"EventType":"ExecutionSucceeded","EventTimestamp":4.2}]}`))
	if want := (lateness{wait: 50 * time.Millisecond, end: 100 * time.Millisecond}); err != nil || !ended || got != want {
		t.Errorf("after its end: got %+v, %v, %v, want %+v", got, ended, err, want)
	}
}
