//go:build linux || darwin || freebsd

package doctor

import (
	"fmt"
	"syscall"
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

// CheckOpenFiles looks at how many files and connections a process may have
// open.
func CheckOpenFiles() []Finding {
	const few = 4096
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return nil
	}
	f := Finding{Check: "files", Status: OK, Text: fmt.Sprintf("a process may have %d files and connections open", limit.Cur)}
	if limit.Cur < few {
		f.Status, f.Hint = Note, "ulimit -n 65536, before many functions and clients connect"
	}
	return []Finding{f}
}
