// Package doctor checks what an engine and its functions need of the machine, and says what to do about each problem.
// It changes nothing, except that it writes a file into the data directory and removes it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Status says how bad a finding is.
type Status string

// The statuses, in growing badness.
const (
	OK      Status = "ok"
	Note    Status = "note"    // something will not work that may not be wanted
	Problem Status = "problem" // an engine will not work, or not well
)

// Finding is the result of one check.
type Finding struct {
	Check  string
	Status Status
	Text   string
	Hint   string `json:",omitempty"` // what to do about it
}

// Case says what to look at.
type Case struct {
	// Version is the program's.
	Version string
	// Data is the data directory, which need not exist.
	Data string
	// Database looks at the PostgreSQL that engines keep executions in; nil if they have a directory.
	Database func(ctx context.Context) (*Database, error)
	// Engine asks a serving engine who it is; see [CheckEngine].
	Engine   func(ctx context.Context) (*Engine, error)
	Endpoint string
}

// Examine makes all checks, in a fixed order, and yields their findings.
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
	if c.Database != nil {
		for _, f := range CheckDatabase(ctx, c.Database) {
			found(f)
		}
	}
	found(CheckEngine(ctx, c))
}

// CheckMachine names the machine and the program.
func CheckMachine(version string) Finding {
	return Finding{Check: "machine", Status: OK, Text: fmt.Sprintf("%s/%s, %d processors, perdure %s built with %s",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), version, runtime.Version())}
}

// CheckClock finds clocks that were never set: certificates and signatures do not work with them, and waits end at the
// wrong time.
func CheckClock(now time.Time) Finding {
	f := Finding{Check: "clock", Status: OK, Text: now.Format(time.RFC3339)}
	if year := now.Year(); year < 2025 || year > 2125 {
		f.Status = Problem
		f.Text += " can hardly be right"
		f.Hint = "set the clock; an engine that runs while it jumps fires timers at the wrong time"
	}
	return f
}

// Engine is a serving engine, as it describes itself.
type Engine struct {
	Version   string
	Functions int
	// Clock is how far the engine's clock is ahead of ours.
	Clock time.Duration
}

// clockSkew is how far two clocks may differ; at 5 minutes signatures are refused.
const clockSkew = 30 * time.Second

// CheckEngine looks for an engine that serves at the endpoint. That none does is a note.
func CheckEngine(ctx context.Context, c *Case) Finding {
	f := Finding{Check: "engine", Status: Problem}
	e, err := c.Engine(ctx)
	refused, isRefusal := errors.AsType[*protocol.Error](err)
	switch {
	case isOffline(err):
		f.Status, f.Text = Note, "no engine serves at "+c.Endpoint
		f.Hint = "perdure serve starts one; --endpoint names another"
	case isRefusal:
		f.Text = fmt.Sprintf("the engine at %s refused: %s", c.Endpoint, refused.Message)
		f.Hint = "perdure help list tells how credentials are given"
	case err != nil:
		f.Text = fmt.Sprintf("%s is served by something else: %v", c.Endpoint, err)
		f.Hint = "choose another port for the engine with --listen, or name its endpoint with --endpoint"
	case e.Clock > clockSkew || e.Clock < -clockSkew:
		f.Text = fmt.Sprintf("the clock of the engine at %s is %v off ours", c.Endpoint, e.Clock)
		f.Hint = "set the clocks: signed requests are refused when they differ by minutes"
	case e.Version != c.Version:
		f.Status, f.Text = Note, fmt.Sprintf("the engine at %s is perdure %s, and this is %s",
			c.Endpoint, e.Version, c.Version)
		f.Hint = "run the same version on both sides"
	default:
		f.Status, f.Text = OK, fmt.Sprintf("perdure %s serves %d function versions at %s",
			e.Version, e.Functions, c.Endpoint)
	}
	return f
}

// isOffline reports whether err says that nobody listens.
func isOffline(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// Tool is a program that functions of one language need.
type Tool struct {
	Name    string   // of the check
	Command []string // prints the version
	Least   []int    // the oldest version that will do
	For     string   // what does not work without it
	Hint    string
}

// Tools are all that perdure may use.
var Tools = []Tool{
	{"go", []string{"go", "version"}, []int{1, 21}, "functions in Go cannot be built", "install Go: https://go.dev/dl"},
	{"node", []string{"node", "--version"}, []int{18}, "functions in JavaScript cannot be run",
		"install Node.js: https://nodejs.org"},
	{"python", []string{"python3", "--version"}, []int{3, 9}, "functions in Python cannot be run",
		"install Python: https://www.python.org"},
	{"java", []string{"java", "-version"}, []int{11}, "functions in Java cannot be run",
		"install a JDK: https://adoptium.net"},
}

// toolTime bounds how long a tool may take to say its version.
const toolTime = 20 * time.Second

// Check looks for the tool. A missing one is a note: few people have functions in every language.
func (t *Tool) Check(ctx context.Context) Finding {
	f := Finding{Check: t.Name, Status: Note, Hint: t.Hint}
	path, err := exec.LookPath(t.Command[0])
	if err != nil {
		f.Text = fmt.Sprintf("%s is not installed: %s", t.Command[0], t.For)
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, t.Command[1:]...).CombinedOutput()
	version := versionIn(string(out))
	switch {
	case err != nil:
		f.Text = fmt.Sprintf("%s does not run (%v): %s", path, err, t.For)
	case version == "":
		f.Text = fmt.Sprintf("%s does not say its version", path)
	case older(version, t.Least):
		f.Text = fmt.Sprintf("%s is version %s, which is too old: %s", path, version, t.For)
	default:
		return Finding{Check: t.Name, Status: OK, Text: version + " at " + path}
	}
	return f
}

var versionPattern = regexp.MustCompile(`\d+(\.\d+)+|\d+`)

// versionIn returns the first version in a text.
func versionIn(text string) string { return versionPattern.FindString(text) }

// older reports whether a version is less than least.
func older(version string, least []int) bool {
	parts := strings.Split(version, ".")
	for i, want := range least {
		got := 0
		if i < len(parts) {
			got, _ = strconv.Atoi(parts[i]) // digits
		}
		if got != want {
			return got < want
		}
	}
	return false
}
