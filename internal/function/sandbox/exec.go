package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// entrypointError says why a command cannot be executed, and what to do about it.
type entrypointError struct{ text string }

func (e *entrypointError) Error() string { return e.text }

func entrypointErrorf(format string, args ...any) error {
	return &entrypointError{fmt.Sprintf(format, args...)}
}

// exec executes the pool's command. The error is an [*entrypointError] if it is the command's fault.
func (p *Pool) exec(endpoint string, stdio []*os.File) (*os.Process, error) {
	path := p.cfg.Command[0]
	if filepath.Base(path) == path {
		found, err := exec.LookPath(path)
		if err != nil {
			return nil, entrypointErrorf("%q is not a program in PATH: name the function's binary by its path", path)
		}
		path = found
	}
	proc, err := p.spawner.start(path, p.cfg.Command, &os.ProcAttr{
		Dir:   p.cfg.Dir,
		Env:   p.environment(endpoint),
		Files: stdio,
		Sys:   processGroup(),
	})
	if err != nil {
		return nil, explain(err, path, p.cfg.Dir)
	}
	return proc, nil
}

// startProcess is os.StartProcess, patient with a binary that was just written: the kernel does not execute a file
// while a process that was forked meanwhile has it open for writing.
func startProcess(path string, argv []string, attr *os.ProcAttr) (*os.Process, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		proc, err := os.StartProcess(path, argv, attr)
		if !errors.Is(err, syscall.ETXTBSY) || wait > 100*time.Millisecond {
			return proc, err
		}
		time.Sleep(wait)
	}
}

// explain finds out why path could not be executed.
func explain(err error, path, dir string) error {
	if dir != "" {
		if info, e := os.Stat(dir); e != nil || !info.IsDir() {
			return entrypointErrorf("the working directory %s does not exist", dir)
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
	}
	info, e := os.Stat(path)
	switch {
	case errors.Is(e, fs.ErrNotExist):
		return entrypointErrorf("%s does not exist: build the function first", path)
	case e != nil:
		return entrypointErrorf("%s cannot be read: %v", path, e)
	case info.IsDir():
		return entrypointErrorf("%s is a directory: name the function's binary", path)
	case errors.Is(err, fs.ErrPermission) && info.Mode()&0o111 == 0:
		return entrypointErrorf("%s is not executable (mode %s): chmod +x it", path, info.Mode())
	case errors.Is(err, fs.ErrPermission):
		return entrypointErrorf("%s cannot be executed: %v; is its file system mounted noexec?", path, err)
	case errors.Is(err, fs.ErrNotExist):
		return entrypointErrorf("%s is %s, and the interpreter or loader that it names does not exist here", path, sniff(path))
	case errors.Is(err, syscall.ENOEXEC):
		return entrypointErrorf("%s cannot be executed here (%s/%s): it is %s", path, runtime.GOOS, runtime.GOARCH, sniff(path))
	}
	return fmt.Errorf("starting %s: %w", path, err)
}

// machines maps the e_machine member of an ELF header to GOARCH.
var machines = map[uint16]string{3: "386", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64"}

// sniff says what kind of file path is.
func sniff(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "a file that cannot be read"
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	return kind(head[:n])
}

func kind(head []byte) string {
	switch {
	case len(head) == 0:
		return "an empty file"
	case bytes.HasPrefix(head, []byte("\x7fELF")) && len(head) >= 20:
		return "a Linux binary for " + elfMachine(head)
	case bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")):
		return "a macOS binary"
	case bytes.HasPrefix(head, []byte("MZ")):
		return "a Windows binary"
	case bytes.HasPrefix(head, []byte("#!")):
		line, _, _ := bytes.Cut(head[2:], []byte("\n"))
		return fmt.Sprintf("a script for %q", bytes.TrimSpace(line))
	case bytes.IndexByte(head, 0) < 0:
		return "a text file without a #! line"
	}
	return "no executable that is known here"
}

func elfMachine(head []byte) string {
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	machine := order.Uint16(head[18:])
	if name, ok := machines[machine]; ok {
		return name
	}
	return fmt.Sprintf("machine %d", machine)
}
