package sandbox

import (
	"errors"
	"os"
)

// files are the standard files of a process: our ends and the child's.
type files struct {
	stdin                    *os.File
	stdout, stderr           *os.File
	childStdout, childStderr *os.File
}

func (f *files) open() error {
	var err1, err2, err3 error
	f.stdin, err1 = os.Open(os.DevNull)
	f.stdout, f.childStdout, err2 = os.Pipe()
	f.stderr, f.childStderr, err3 = os.Pipe()
	return errors.Join(err1, err2, err3)
}

func (f *files) child() []*os.File { return []*os.File{f.stdin, f.childStdout, f.childStderr} }

func (f *files) closeChildEnds() {
	f.stdin.Close()
	f.childStdout.Close()
	f.childStderr.Close()
}

func (f *files) closeAll() {
	f.stdout.Close()
	f.stderr.Close()
}
