package rules

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// chance matches names that nobody gave: an id, or a moment to the second.
var chance = regexp.MustCompile(`(?i)[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{24}|[0-9]{14}`)

// TestNothingIsCommittedByMistake: what a test or a tool left in the clone is easily committed with the rest. It is
// empty, has a name that nobody gave, or is what .gitignore names.
func TestNothingIsCommittedByMistake(t *testing.T) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("this is not a clone:", err)
	}
	for _, path := range tracked(t) {
		if info, err := os.Lstat(filepath.Join(root, path)); err == nil && info.Size() == 0 {
			t.Errorf("%s is empty; remove it, and what wrote it", path)
		}
		if name := chance.FindString(path); name != "" {
			t.Errorf("%s: nobody gives the name %s; remove it, and what wrote it", path, name)
		}
	}
	for _, path := range tracked(t, "--ignored", "--exclude-standard") {
		t.Errorf("%s is committed, and .gitignore says that it should not be", path)
	}
}

// tracked returns the files that are committed, or about to be.
func tracked(t *testing.T, flags ...string) []string {
	t.Helper()
	git := exec.Command("git", append([]string{"-c", "safe.directory=*", "ls-files", "-z", "--cached"}, flags...)...)
	git.Dir = root
	var fault bytes.Buffer
	git.Stderr = &fault
	out, err := git.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v\n%s", err, &fault)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}
