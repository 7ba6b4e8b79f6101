package codestore

import (
	"os"
	"runtime"
)

// flushEntry puts one file, or the names in one directory, on the disk. Windows
// does that only for files that are open for writing.
func flushEntry(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
