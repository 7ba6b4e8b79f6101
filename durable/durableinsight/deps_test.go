package durableinsight_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The package costs a function nothing but its own code.
func TestLinksNothingNew(t *testing.T) {
	deps := func(path string) map[string]bool {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}",
			path).Output()
		if err != nil {
			t.Fatal(err)
		}
		set := make(map[string]bool)
		for _, dep := range strings.Fields(string(out)) {
			set[dep] = true
		}
		return set
	}
	links := deps("..")
	for dep := range deps(".") {
		if !links[dep] && !strings.HasSuffix(dep, "/durableinsight") && !strings.HasSuffix(dep, "/telemetry") {
			t.Errorf("it links %s, which durable does not", dep)
		}
	}
}
