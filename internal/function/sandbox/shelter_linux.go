package sandbox

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Shelter keeps what this process knows from the functions that it runs: other processes of the same user can read
// the memory of a process, and the environment with which it was started, which may hold real keys. Afterwards
// neither can be read, but by root, who finds the environment empty; and no debugger can attach, but root's. This
// process still has its environment.
func Shelter() error {
	if err := emptyEnvironment(); err != nil {
		return fmt.Errorf("keeping the engine's environment from functions: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keeping the engine's memory from functions: %w", err)
	}
	return nil
}

// emptyEnvironment overwrites what /proc/PID/environ shows: the text that the kernel laid out at the start, of
// which the runtime has copies. Where it lies is in /proc/self/stat, see proc_pid_stat(5).
func emptyEnvironment() error {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	const third, envStart, envEnd = 3, 50, 51
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var start, end int64
	if len(fields) <= envEnd-third {
		return fmt.Errorf("/proc/self/stat has %d fields", len(fields)+third-1)
	}
	if _, err := fmt.Sscan(string(fields[envStart-third]), &start); err != nil {
		return err
	}
	if _, err := fmt.Sscan(string(fields[envEnd-third]), &end); err != nil {
		return err
	}
	if end <= start {
		return nil
	}
	memory, err := os.OpenFile("/proc/self/mem", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	_, err = memory.WriteAt(make([]byte, end-start), start)
	return err
}
