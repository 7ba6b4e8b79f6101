package doctor

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Tool is a program that functions of one language need.
type Tool struct {
	Name    string   // of the check
	Command []string // prints the version
	Least   []int    // the oldest version that will do
	For     string   // what does not work without it
	Hint    string
}

// Tools are those that perdure knows a use for.
var Tools = []Tool{
	{"go", []string{"go", "version"}, []int{1, 21}, "functions in Go cannot be built", "install Go: https://go.dev/dl"},
	{"node", []string{"node", "--version"}, []int{18}, "functions in JavaScript cannot be run", "install Node.js: https://nodejs.org"},
	{"python", []string{"python3", "--version"}, []int{3, 9}, "functions in Python cannot be run", "install Python: https://www.python.org"},
	{"java", []string{"java", "-version"}, []int{11}, "functions in Java cannot be run", "install a JDK: https://adoptium.net"},
}

// toolTime bounds how long a tool may take to say its version.
const toolTime = 20 * time.Second

// Check looks for the tool. One that is missing is a note: not everybody has
// functions in every language.
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

// versionIn returns the first thing in a text that looks like a version.
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
