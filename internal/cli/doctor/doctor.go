// Package doctor looks at what an engine and its functions need of the machine,
// and says what to do about what is missing. It changes nothing, but for a file
// that it writes into the data directory and removes again.
package doctor

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// Status says how bad a finding is.
type Status string

// The statuses, in growing badness.
const (
	OK      Status = "ok"
	Note    Status = "note"    // something will not work that may not be wanted
	Problem Status = "problem" // an engine will not work, or not well
)

// Finding is what one check came to.
type Finding struct {
	Check  string
	Status Status
	Text   string
	Hint   string `json:",omitempty"` // what to do about it
}

// Case is what is looked at.
type Case struct {
	// Version is the program's.
	Version string
	// Data is the data directory, which need not exist.
	Data string
	// Engine asks a serving engine who it is; see [CheckEngine].
	Engine   func(ctx context.Context) (*Engine, error)
	Endpoint string
}

// Examine makes all checks and yields what they find, in a fixed order.
func Examine(ctx context.Context, c *Case, found func(Finding)) {
	found(CheckMachine(c.Version))
	found(CheckClock(time.Now()))
	for _, f := range CheckOpenFiles() {
		found(f)
	}
	for _, f := range CheckProcesses() {
		found(f)
	}
	for _, tool := range Tools {
		found(tool.Check(ctx))
	}
	for _, f := range CheckData(c.Data) {
		found(f)
	}
	found(CheckEngine(ctx, c))
}

// CheckMachine names the machine and the program.
func CheckMachine(version string) Finding {
	return Finding{Check: "machine", Status: OK, Text: fmt.Sprintf("%s/%s, %d processors, perdure %s built with %s",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), version, runtime.Version())}
}

// CheckClock finds clocks that were never set: certificates and signatures do
// not work with them, and waits end at the wrong time.
func CheckClock(now time.Time) Finding {
	f := Finding{Check: "clock", Status: OK, Text: now.Format(time.RFC3339)}
	if year := now.Year(); year < 2025 || year > 2125 {
		f.Status = Problem
		f.Text += " can hardly be right"
		f.Hint = "set the clock; an engine that runs while it jumps fires timers at the wrong time"
	}
	return f
}
