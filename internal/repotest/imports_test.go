package repotest

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

// directions is the map in docs/design.md: what each package may import of
// ours. "anything" lifts the rule. A path that ends in /… speaks for the
// packages below it as well. A new package needs a line here.
var directions = map[string][]string{
	"bench/…":        {anything},
	"cmd/…":          {anything},
	"conformance/…":  {"durable", "durable/durableinsight", "durable/durableotel"},
	"examples/…":     {"durable"},
	"interop/golang": {"durable"},

	"durable":                {"internal/wire"},
	"durable/durableinsight": {"durable", "internal/telemetry", "internal/wire"},
	"durable/durableotel":    {"durable"},
	"durabletest":            {anything},
	"engine":                 {"internal/machine", "internal/metrics", "internal/portable", "internal/span", "internal/standstill", "internal/store", "internal/telemetry", "internal/verify", "internal/wire"},

	"internal/adminapi":        {"engine", "internal/attached", "internal/fresh", "internal/lambdaapi", "internal/wire"},
	"internal/build":           {"internal/filelock", "internal/fresh"},
	"internal/archive":         {"internal/codestore"},
	"internal/attached":        {"engine", "internal/wire"},
	"internal/httpfunction":    {"engine", "internal/wire"},
	"internal/cli/…":           {"engine", "internal/nearest", "internal/span", "internal/wire", "internal/cli"},
	"internal/credentials":     {"internal/nearest"},
	"internal/doctor":          {"internal/wire"},
	"internal/lambdaapi":       {"engine", "internal/store", "internal/wire"},
	"internal/machine":         {"internal/wire"},
	"internal/emulator":        {"engine", "internal/lambdaapi", "internal/store", "internal/wire"},
	"internal/golden/…":        {anything},
	"internal/metrics":         {},
	"internal/nearest":         {},
	"internal/portable":        {"internal/wire"},
	"internal/otlp":            {},
	"internal/repotest":        {},
	"internal/runtimeapi":      {"engine", "internal/wire"},
	"internal/runtimes":        {"internal/fresh"},
	"internal/sandbox":         {"engine", "internal/wire", "internal/runtimeapi", "internal/standstill"},
	"internal/codestore":       {"internal/fresh"},
	"internal/filelock":        {},
	"internal/fresh":           {"internal/filelock"},
	"internal/samconfig":       {},
	"internal/server":          {"internal/credentials", "internal/lambdaapi", "internal/metrics", "internal/otlp", "internal/sigv4", "internal/wire"},
	"internal/sigv4":           {"internal/wire"},
	"internal/span":            {},
	"internal/standstill":      {},
	"internal/store":           {"internal/wire"},
	"internal/store/memstore":  {"internal/store", "internal/wire"},
	"internal/store/sqlstore":  {"internal/filelock", "internal/fresh", "internal/metrics", "internal/store", "internal/wire"},
	"internal/store/storetest": {"internal/store", "internal/wire"},
	"internal/survival":        {},
	"internal/survival/victim": {"durable"},
	"internal/telemetry":       {"internal/wire"},
	"internal/template":        {"internal/nearest"},
	"internal/ui":              {"engine", "internal/wire"},
	"internal/verify":          {"internal/machine", "internal/store", "internal/wire"},
	"internal/watch":           {},
	"internal/wire":            {},
	"internal/wire/wiretest":   {},
}

const anything = "anything"

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range list(t) {
		path := ours(p.ImportPath)
		may, ok := allowed(path)
		if !ok {
			t.Errorf("%s has no line in directions", path)
		}
		if slices.Contains(may, anything) {
			continue
		}
		for _, imported := range p.Imports {
			if own := ours(imported); own != "" && !slices.Contains(may, own) {
				t.Errorf("%s imports %s; it may import only %q of ours", path, own, may)
			}
		}
	}
}

func TestOnlyTestPackagesImportTesting(t *testing.T) {
	for _, p := range list(t) {
		if slices.Contains(p.Imports, "testing") && !strings.HasSuffix(p.ImportPath, "test") {
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

// allowed returns the line in directions that speaks for path: its own, or
// the nearest one above it that ends in /….
func allowed(path string) ([]string, bool) {
	if may, ok := directions[path]; ok {
		return may, true
	}
	for above := path; above != "."; above = parent(above) {
		if may, ok := directions[above+"/…"]; ok {
			return may, true
		}
	}
	return nil, false
}

func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return "."
}
