// Package ownflag is a test package with a flag -update of its own. The tests of package golden run it.
package ownflag

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
	"github.com/perdure/perdure/durabletest/golden"
)

var update = flag.Bool("update", false, "of our own")

func TestOwn(t *testing.T) {
	if got, want := strconv.FormatBool(*update), os.Getenv("GOLDEN_UPDATE"); got != want {
		t.Errorf("our own flag is %s, want %s", got, want)
	}
	r := durabletest.Run(t, func(durable.Context, int) (int, error) { return 1, nil }, 1)
	golden.History(t, os.Getenv("GOLDEN_FILE"), r.History)
}
