package seeded

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

const chosen = "PERDURE_SEED"

// failsIn runs a test that has to fail, in a process of its own: there is no other way to see a test fail. It has to
// say why: says is a regular expression.
func failsIn(t *testing.T, name string, test func(*testing.T), says string) {
	if of := os.Getenv(chosen); of != "" {
		if of == name {
			test(t)
		}
		return
	}
	around := t.Name()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+around+"$", "-test.timeout=2m")
		cmd.Env = append(os.Environ(), chosen+"="+name)
		out, err := cmd.CombinedOutput()
		if _, failed := errors.AsType[*exec.ExitError](err); !failed {
			t.Errorf("the test of the bug ended with %v, want it to fail:\n%s", err, out)
		}
		if !regexp.MustCompile(says).Match(out) {
			t.Errorf("the test of the bug does not say %s:\n%s", says, out)
		}
	})
}
