package sqlitestore_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/protocol"
)

func TestStats(t *testing.T) {
	s := open(t, t.TempDir(), &sqlitestore.Options{Durability: sqlitestore.None})
	for i, status := range []protocol.ExecutionStatus{protocol.ExecutionRunning, protocol.ExecutionRunning, protocol.ExecutionPaused,
		protocol.ExecutionSucceeded} {
		id := fmt.Sprint(i)
		err := s.Commit(t.Context(), store.Write{ID: id, Entry: store.Entry{Seq: 1, Data: []byte("x")},
			Row: &store.Row{ID: id, Function: "f", Name: id, Status: status}})
		if err != nil {
			t.Fatal(err)
		}
	}
	open, err := s.CountOpen(t.Context())
	want := map[protocol.ExecutionStatus]int64{protocol.ExecutionRunning: 2, protocol.ExecutionPausing: 0, protocol.ExecutionPaused: 1}
	if diff := cmp.Diff(want, open); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	h := s.Health(t.Context())
	if n := h.Commit.Count(); n < 4 || h.Group.Sum < 4 { // the store cleans up by itself, too
		t.Errorf("got %+v, want four commits at least", h)
	}
	if h.Kind != "SQLite" || h.Durability != "none" || h.Bytes < 4096 || h.Waiting != 0 {
		t.Errorf("got %+v", h)
	}
}
