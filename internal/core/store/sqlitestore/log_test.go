package sqlitestore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Damaged logs are begun anew: they must not keep an execution from anything.
func TestDamagedLogs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "logs.db")
	s := open(t, dir, nil)
	row := &store.Row{ID: "a", ARN: "arn:a", Function: "f", Version: "1", Name: "a", Status: protocol.ExecutionRunning}
	if err := s.Commit(t.Context(), store.Write{ID: "a", Entry: store.Entry{Seq: 1}, Row: row}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a file for logs before there are logs")
	}
	write := func(text string) {
		t.Helper()
		if err := s.AppendLog(t.Context(), store.LogWrite{ID: "a", Lines: []store.LogLine{{Text: text}}}); err != nil {
			t.Fatal(err)
		}
	}
	write("before")
	s.Close()
	if err := os.WriteFile(path, []byte("this is not a database, and it is long enough to be looked at as one: "+string(make([]byte, 4096))), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, nil)
	write("after")
	lines, err := s.Log(t.Context(), "a", 0, 10)
	if err != nil || len(lines) != 1 || lines[0].Text != "after" {
		t.Errorf("got %v, %v; want the line after the damage", lines, err)
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}
