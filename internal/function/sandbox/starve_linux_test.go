package sandbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// smallGroup makes a control group of 50 MB; without the right to, the test is skipped.
func smallGroup(t *testing.T) string {
	t.Helper()
	root, limits := "/sys/fs/cgroup", []string{"memory.max", "memory.swap.max"}
	if _, err := os.Stat(filepath.Join(root, "memory")); err == nil { // version 1
		root, limits = filepath.Join(root, "memory"), []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}
	}
	group := filepath.Join(root, fmt.Sprint("perdure-test-", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip("no control group can be made:", err)
	}
	eventuallyGone := func() bool { return os.Remove(group) == nil }
	t.Cleanup(func() { eventually(t, "the control group is empty", eventuallyGone) })
	for i, name := range limits {
		err := os.WriteFile(filepath.Join(group, name), []byte(fmt.Sprint(50<<20)), 0o644)
		if err != nil && i == 0 { // the second one may not be there
			t.Skip("memory cannot be limited:", err)
		}
	}
	return group
}

// A function that the system kills because there is no memory left says so. Each time counts at a limit of crashes.
func TestKilledForMemory(t *testing.T) {
	group := smallGroup(t)
	w := newWorld(t)
	w.register("starve", "starve", func(c *sandbox.Config) { c.Env["GROUP"] = group })
	r := w.result(w.start("starve"))
	want := "Runtime exited with error: signal: killed (the system ran out of memory, and ended a process, while this " +
		"one ran) (2 invocations in a row failed)"
	isExit := r.Status == protocol.ExecutionFailed && r.Error.ErrorType == protocol.ErrorTypeExit
	if !isExit || !strings.HasSuffix(r.Error.ErrorMessage, want) {
		t.Errorf("got %s %+v, want %q", r.Status, r.Error, want)
	}
}
