package build

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Two processes build one function below one root: neither removes what the
// other runs, nor what is nobody's build.
func TestPruneLeavesWhatOthersHold(t *testing.T) {
	dir, root := unpack(t, goSource), t.TempDir()
	src := Source{Name: "fn", Dir: filepath.Join(dir, "app/fn"), Runtime: "provided.al2023", Handler: "main"}
	var first, second Holds // of two processes
	do := func(h *Holds) *Build {
		t.Helper()
		b, err := Do(t.Context(), src, &Options{Root: root, Holds: h})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	prune := func(h *Holds, keep string) {
		t.Helper()
		if err := Prune(root, "fn", h, keep); err != nil {
			t.Fatal(err)
		}
	}
	home := filepath.Join(root, "fn")
	left := func(want ...string) {
		t.Helper()
		var builds []string
		for _, name := range list(t, home) {
			if filepath.Ext(name) != locked {
				builds = append(builds, name)
			}
		}
		slices.Sort(want)
		if !slices.Equal(builds, want) {
			t.Errorf("got %q, want %q", builds, want)
		}
	}
	old := do(&first)
	for _, theirs := range []string{"notes", unfinished + "mine"} {
		if err := os.Mkdir(filepath.Join(home, theirs), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "lib/lib.go"), "package lib\n\nconst World = \"moon\"\n")
	fresh := do(&second)
	prune(&second, fresh.ID)
	left(old.ID, fresh.ID, "notes", unfinished+"mine")
	if out := output(t, filepath.Join(old.Dir, "bootstrap")); out != "hello\n world\n" {
		t.Errorf("the build of the first process said %q", out)
	}
	do(&first) // takes the new one over
	prune(&first, fresh.ID)
	left(fresh.ID, "notes", unfinished+"mine")
	second.Release()
	prune(&second, "")
	left(fresh.ID, "notes", unfinished+"mine") // the first has it
	first.Release()
	prune(&first, "")
	left("notes", unfinished+"mine")
}
