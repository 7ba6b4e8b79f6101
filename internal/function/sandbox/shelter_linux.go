package sandbox

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Shelter keeps this process's secrets from the functions that it runs: other processes of the same user could read
// its memory, and the environment that it was started with, which may hold real keys. Afterwards only root can read
// them, and finds the environment empty; and only root's debuggers can attach. This process still has its
// environment.
func Shelter() error {
	if err := emptyEnvironment(); err != nil {
		return fmt.Errorf("keeping the engine's environment from functions: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keeping the engine's memory from functions: %w", err)
	}
	return nil
}

// emptyEnvironment overwrites /proc/PID/environ: the kernel's text from the start, of which the runtime has copies.
// Its place is in /proc/self/stat, see proc_pid_stat(5).
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
