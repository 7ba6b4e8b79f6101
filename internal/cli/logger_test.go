package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log := NewLogger(func(line string) { fmt.Fprintln(&b, line) }).With("execution", "x")
	log.Info("not worth a line")
	for range 3 {
		log.Warn("trying again", "error", "full")
	}
	log.WithGroup("g").Error("gave up")
	want := "perdure: trying again, execution: x, error: full\nperdure: gave up, execution: x\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if log.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("info records are made though nobody sees them")
	}
}
