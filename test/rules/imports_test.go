package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/perdure/perdure"

// floors is the map in docs/design.md: the folders of the repository, and what
// the packages in each may import of ours, as folders. A package may import
// those on its own line. "anything" lifts the rule.
var floors = []floor{
	{"protocol internal/text", ""},
	{"telemetry internal/observe internal/sdk", "protocol"},
	{"internal/freeport", ""},
	{"internal/files", "internal/function/codestore"},
	{"internal/core", "protocol internal/files internal/freeport internal/observe/metrics"},
	{"durable", "protocol telemetry internal/sdk"},
	{"engine", "protocol telemetry internal/core internal/observe internal/text"},
	{".", "protocol durable engine internal/api internal/function/inprocess"},
	{"internal/api", "protocol engine internal/core/history internal/core/store internal/files internal/function/attached " +
		"internal/observe internal/text"},
	{"internal/function", "protocol durable engine internal/api/runtimeapi internal/core/standstill internal/files internal/text"},
	{"internal/client", "protocol engine internal/api/adminapi internal/api/credentials internal/api/route internal/sdk/sign"},
	{"internal/cli", "protocol engine internal/core/history internal/text"},
	{"internal/host", "protocol engine internal/api internal/core/rehearsal internal/core/store internal/core/transfer internal/files " +
		"internal/function internal/observe"},
	{"internal/dev", "protocol engine internal/cli internal/core/rehearsal internal/function internal/host internal/text " +
		"internal/vetting"},
	{"internal/top", "protocol engine internal/api/adminapi internal/cli internal/client internal/text"},
	{"cmd/perdure", "protocol engine internal/api internal/cli internal/core/rehearsal internal/dev internal/files/fresh " +
		"internal/function/attached internal/function/build internal/function/project internal/function/runtimes " +
		"internal/function/samconfig " +
		"internal/function/template internal/function/watch internal/client internal/host internal/observe internal/sdk/sign " +
		"internal/text internal/top internal/vetting lint telemetry"},
	{"lint", "protocol durable/retry"},
	{"internal/vetting", "lint"},
	{"cmd/perdure-lint", "internal/vetting"},
	{"examples", ". durable protocol"},
	{"durabletest test", anything},
}

const anything = "anything"

// floor is a line of the map.
type floor struct{ folders, may string }

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range list(t) {
		path := ours(p.ImportPath)
		i := slices.IndexFunc(floors, func(f floor) bool { return within(path, strings.Fields(f.folders)...) })
		if i < 0 {
			t.Errorf("%s is in no folder of floors", path)
			continue
		}
		may := strings.Fields(floors[i].folders + " " + floors[i].may)
		if slices.Contains(may, anything) {
			continue
		}
		for _, imported := range p.Imports {
			own := ours(imported)
			if own != "" && !within(own, may...) {
				t.Errorf("%s imports %s; it may import only what is in %q", path, own, may)
			}
		}
	}
}

// TestOnlyTopHasATerminalLibrary: what draws screens stays out of engines and functions.
func TestOnlyTopHasATerminalLibrary(t *testing.T) {
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "charm.land/") || strings.HasPrefix(imported, "github.com/charmbracelet/") {
				if path := ours(p.ImportPath); !within(path, "internal/top") {
					t.Errorf("%s imports %s, which only internal/top may, and only cmd/perdure imports that", path, imported)
				}
			}
		}
	}
}

func TestOnlyTestPackagesImportTesting(t *testing.T) {
	for _, p := range list(t) {
		isKit := strings.HasSuffix(p.ImportPath, "test") || within(ours(p.ImportPath), "durabletest")
		if slices.Contains(p.Imports, "testing") && !isKit {
			t.Errorf("%s imports testing, so every program with it links the flags of tests", p.ImportPath)
		}
	}
}

// list returns all packages of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// ours returns the path of one of our packages within the module, "." for its
// root, and "" for anyone else's.
func ours(path string) string {
	if path == module {
		return "."
	}
	own, _ := strings.CutPrefix(path, module+"/")
	if own == path {
		return ""
	}
	return own
}

// within reports whether path is one of the folders, or below one.
func within(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}
