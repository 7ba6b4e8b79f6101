package codestore

import (
	"os"

	"golang.org/x/sys/unix"
)

// flush puts all that was written to the file system of dir on the disk: one call for however many files.
func flush(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd())))
}
