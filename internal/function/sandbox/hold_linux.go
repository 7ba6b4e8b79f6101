package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"slices"
)

// isTraced reports whether a process or a descendant of it has a tracer.
func isTraced(pid int) bool { return slices.ContainsFunc(family(pid), hasTracer) }

// hasTracer reads TracerPid of /proc/PID/status.
func hasTracer(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(data) {
		if tracer, ok := bytes.CutPrefix(line, []byte("TracerPid:")); ok {
			return string(bytes.TrimSpace(tracer)) != "0"
		}
	}
	return false
}
