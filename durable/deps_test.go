package durable_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a durable function links is a short list. A change of it is a decision:
// the AWS SDK's client of the Lambda API alone would add 1.7 MB to a function,
// and as much again to the time that it takes to start.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := make(map[string]bool)
	for _, path := range strings.Fields(string(out)) {
		modules[moduleOf(path)] = true
	}
	var got []string
	for m := range modules {
		got = append(got, m)
	}
	slices.Sort(got)
	want := []string{
		"github.com/aws/aws-lambda-go",
		"github.com/perdure/perdure/durable",
		"github.com/perdure/perdure/durable/plugin",
		"github.com/perdure/perdure/durable/retry",
		"github.com/perdure/perdure/internal/sdk/loopback",
		"github.com/perdure/perdure/internal/sdk/sign",
		"github.com/perdure/perdure/internal/sdk/transport",
		"github.com/perdure/perdure/protocol",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what durable links (-want +got):\n%s", diff)
	}
}

// moduleOf is the entry of the list that a package counts as.
func moduleOf(path string) string {
	if strings.HasPrefix(path, "github.com/perdure/") {
		return path
	}
	parts := strings.SplitN(path, "/", 4)
	return strings.Join(parts[:min(3, len(parts))], "/")
}
