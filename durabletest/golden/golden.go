// Package golden compares what an execution did with a file that says what it should do.
//
//	func TestOrder(t *testing.T) {
//		result := durabletest.Run(t, processOrder, order)
//		golden.History(t, "testdata/order.golden", result.History)
//	}
//
// The file is text, for people to read in a review: each operation with its attempts, its result or error, and the
// operations in it. After a change that is meant,
//
//	go test -update
//
// rewrites the files of the tests that run. Whoever reviews the change sees what it does to executions: a line that
// moved or changed is an operation that executions under way will not find again. A golden file is also a recorded
// history, against which later code can be replayed.
//
// # What is compared
//
// The same code has to give the same file, so operations stand in the order of their numbers, and not of their starts.
// Left out is what depends on time and luck: moments, delays, how many invocations there were, stack traces, and the
// ids that the engine gives out. In inputs, results and messages each UUID becomes 00000000-0000-0000-0000-000000000001
// and so on, in the order of the file, and each time of RFC 3339 the beginning of the year 2000. [Replace] is for what
// else differs from run to run. What the code itself leaves to luck, such as who wins a race, stays so.
//
// # The flag
//
// The package is apart from durabletest because it adds the flag -update to the test binary, when that is given. It
// shares the flag with others: if the package under test, or one that it imports, has an -update of its own, both hear
// of it.
package golden

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/perdure/perdure/durabletest"
	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/protocol"
)

// History compares h with the golden file at path, relative to the test's directory, and fails the test, with a
// difference for people, unless they are the same. With -update it writes the file, and makes its directory.
func History(t testing.TB, path string, h durabletest.History, opts ...Option) {
	t.Helper()
	if len(h) == 0 {
		t.Fatal("golden: the history is empty, because the execution has not started")
	}
	c := &cleaner{ids: map[string]string{}}
	for i, o := range opts {
		if o == nil {
			t.Fatalf("golden: option %d is nil", i+1)
		}
		o.apply(c)
	}
	got := history.Text(slices.Values(h), c.clean)
	if updating() {
		write(t, path, got)
		return
	}
	data, err := os.ReadFile(path)
	switch want := strings.ReplaceAll(string(data), "\r\n", "\n"); {
	case errors.Is(err, fs.ErrNotExist):
		t.Fatalf("golden: there is no %s; if the history is right, make it with: %s\n%s", path, command(t),
			protocol.Clip(got, maxShown))
	case err != nil:
		t.Fatalf("golden: %v", err)
	case !history.IsText(data):
		t.Fatalf("golden: %s is no golden history: it does not begin with %q; write it anew with: %s", path,
			history.TextHeader, command(t))
	case want != got:
		t.Errorf("golden: the history is not that of %s; if the change is meant, run: %s\n%s", path, command(t),
			diff.Diff(path, []byte(want), "this run", []byte(got)))
	}
}

// maxShown bounds what is shown of a history that is in no file, in bytes.
const maxShown = 4 << 10

// command is what updates the files of one test.
func command(t testing.TB) string {
	parts := strings.Split(t.Name(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return fmt.Sprintf("go test -run '%s' -update", strings.Join(parts, "/"))
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return
	}
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o666)
	}
	if err != nil {
		t.Fatalf("golden: %v", err)
	}
	t.Logf("golden: wrote %s", path)
}

// Option changes one [History].
type Option interface{ apply(*cleaner) }

// Replace puts a text in place of each match of a regular expression in inputs, results and messages, as
// [regexp.Regexp.ReplaceAllString] does. It panics if the expression cannot be read. If histories are to be replayed,
// the text should be one that the code can read, too: another number for a number.
func Replace(expression, with string) Option {
	return replacement{regexp.MustCompile(expression), with}
}

type replacement struct {
	expression *regexp.Regexp
	with       string
}

func (r replacement) apply(c *cleaner) { c.replacements = append(c.replacements, r) }

// cleaner takes out of payloads what differs from run to run, and leaves what decodes as before.
type cleaner struct {
	ids          map[string]string // UUID -> what stands for it
	replacements []replacement
}

var (
	uuidPattern = regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
	timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
)

func (c *cleaner) clean(text string) string {
	for _, r := range c.replacements {
		text = r.expression.ReplaceAllString(text, r.with)
	}
	text = uuidPattern.ReplaceAllStringFunc(text, func(id string) string {
		if c.ids[id] == "" {
			c.ids[id] = fmt.Sprintf("00000000-0000-0000-0000-%012x", len(c.ids)+1)
		}
		return c.ids[id]
	})
	return timePattern.ReplaceAllString(text, "2000-01-01T00:00:00Z")
}

const (
	updateFlag = "update"
	joinFlag   = "perdure.golden"
)

// init makes -update known if it is given and, once all packages are ready, nobody else has made it known. A flag
// that is defined here and now would be defined twice if the test has one of its own, which panics. So a flag of ours
// is put before it, and defines it when the flags are parsed.
func init() {
	for i, arg := range os.Args {
		if arg == "--" {
			return
		}
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if i > 0 && strings.HasPrefix(arg, "-") && name == updateFlag {
			flag.BoolFunc(joinFlag, "defines -update unless the test does", join)
			os.Args = slices.Insert(os.Args, i, "-"+joinFlag)
			return
		}
	}
}

func join(string) error {
	if flag.Lookup(updateFlag) == nil {
		flag.Bool(updateFlag, false, "rewrite golden files")
	}
	return nil
}

// updating reports whether -update is given.
func updating() bool {
	f := flag.Lookup(updateFlag)
	if f == nil {
		return false
	}
	on, err := strconv.ParseBool(f.Value.String())
	return err == nil && on
}
