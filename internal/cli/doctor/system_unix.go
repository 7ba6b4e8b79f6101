//go:build linux || darwin || freebsd

package doctor

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// modesCount says that the modes of files keep others out.
const modesCount = true

// freeSpace returns how many bytes can be written to the disk of dir.
func freeSpace(dir string) (int64, bool) {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return 0, false
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true
}

// CheckOpenFiles looks at how many files and connections a process may have open.
func CheckOpenFiles() []Finding {
	const few = 4096
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return nil
	}
	f := Finding{Check: "files", Status: OK, Text: fmt.Sprintf("a process may have %d files and connections open",
		limit.Cur)}
	if limit.Cur < few {
		f.Status, f.Hint = Note, "ulimit -n 65536, before many functions and clients connect"
	}
	return []Finding{f}
}

// CheckProcesses looks at how many processes and threads the engine's user may have. If the Go runtime gets no thread
// the engine ends, so functions get a lower limit, which does not bind root.
func CheckProcesses() []Finding {
	const few = 1024
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &limit) != nil {
		return nil
	}
	most, by := limit.Cur, "ulimit -u"
	for _, path := range []string{"/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"} {
		data, err := os.ReadFile(path)
		if n, e := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64); err == nil && e == nil && n < most {
			most, by = n, "the control group's pids.max"
		}
	}
	f := Finding{Check: "processes", Status: OK, Text: fmt.Sprintf("%d processes and threads may run, by %s", most, by)}
	switch {
	case most < few:
		f.Status = Note
		f.Hint = fmt.Sprintf("a function that takes them all can end the engine; allow %d at least", few)
	case os.Geteuid() == 0:
		f.Text += ", which does not bind root"
		f.Status = Note
		f.Hint = "run the engine as a user of its own: " +
			"a function that forks without end is only found a tenth of a second later"
	}
	return []Finding{f}
}
