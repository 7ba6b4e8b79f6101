package seeded

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// patch is a bug in the source, which the exploration of a workflow in package victims has to find.
type patch struct {
	file     string // from the root of the module
	old, new string
	victim   string // its test
	says     string // a regular expression
	also     []edit
}

// edit is a change of one place.
type edit struct{ file, old, new string }

// patches returns all patches.
func patches() map[string]patch {
	all := maps.Clone(sdkPatches)
	maps.Copy(all, enginePatches)
	return all
}

// TestExploreFindsBugsInTheSource builds the victims with each bug, two at a time.
func TestExploreFindsBugsInTheSource(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the SDK many times")
	}
	seats := make(chan struct{}, 2)
	for name, p := range patches() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seats <- struct{}{}
			defer func() { <-seats }()
			cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-vet=off", "-ldflags=-s -w", "-overlay", p.overlay(t),
				"-run", "^"+p.victim+"$", "./victims")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+p.victim) {
				t.Errorf("the test of the bug ended with %v, want it to fail:\n%s", err, out)
			}
			if !regexp.MustCompile(p.says).Match(out) {
				t.Errorf("the test of the bug does not say %s:\n%s", p.says, out)
			}
		})
	}
}

// overlay has the build see copies of the files with the bug.
func (p patch) overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for _, e := range append(p.also, edit{p.file, p.old, p.new}) {
		path, err := filepath.Abs(filepath.Join("../..", e.file))
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), e.old); n != 1 {
			t.Fatalf("%s has %d places like this, want 1; it has changed, so put the bug where it belongs now:\n%s", path, n,
				e.old)
		}
		replace[path] = filepath.Join(dir, filepath.Base(e.file))
		write(t, replace[path], []byte(strings.Replace(string(source), e.old, e.new, 1)))
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	write(t, overlay, data)
	return overlay
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
