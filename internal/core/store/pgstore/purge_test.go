package pgstore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/protocol"
)

// What deletions leave, of long journals and of short ones, is removed in pieces, and not before its time. Nothing of
// other executions is, and of one that has the id of a deleted one.
func TestPurge(t *testing.T) {
	s := opened(t, pgtest.Schema(t))
	for n, id := range []string{"long", "short", "again", "kept"} {
		row := &store.Row{ID: id, Function: "f", Version: "1", Name: id, Status: protocol.ExecutionRunning, Started: 1}
		writes := []store.Write{{ID: id, Entry: store.Entry{Seq: 1}, Row: row}}
		for seq := int64(2); n == 0 && seq < 3*maxCut; seq++ {
			writes = append(writes, store.Write{ID: id, Entry: store.Entry{Seq: seq}})
		}
		commit := func() {
			if err := s.Commit(t.Context(), writes...); err != nil {
				t.Fatal(err)
			}
		}
		commit()
		if id != "kept" {
			if err := s.Delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		if id == "again" {
			commit()
		}
	}
	left := func() string {
		texts, err := all(t.Context(), &s.reader, scanText, `SELECT id || count(*) FROM perdure.journal GROUP BY id ORDER BY id`)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(texts, " ")
	}
	long := fmt.Sprint("long", 3*maxCut-1-maxCut+1)
	if err := s.purgeAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := left(), "again1 kept1 "+long+" short1"; got != want {
		t.Errorf("before its time: got %s, want %s", got, want)
	}
	pieces := 0
	for n := int64(maxCut); n == maxCut; pieces++ {
		var err error
		if n, err = s.purge(t.Context(), -1); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := left(), "again1 kept1"; got != want || pieces < 3 {
		t.Errorf("after %d pieces: got %s, want %s", pieces, got, want)
	}
	for text, err := range s.Check(t.Context()) {
		t.Errorf("got %s, %v", text, err)
	}
}
