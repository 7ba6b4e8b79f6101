package seeded

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

const chosen = "PERDURE_SEED"

// finds runs a test that has to fail, and to say why: says is a regular expression. It runs in a process of its own,
// since there is no other way to see a test fail. If there is nothing to say, the test has to pass.
func finds(t *testing.T, name string, test func(*testing.T), says string) {
	if of := os.Getenv(chosen); of != "" {
		if of == name {
			test(t)
		}
		return
	}
	if says == "" {
		t.Run(name, test)
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
