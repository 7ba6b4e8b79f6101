package pgstore

import (
	"strings"
	"sync"
	"testing"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
)

// Of many nodes that come at one time one migrates, also to a newer version. An older program goes on beside a version
// that is fit for it, and refuses one that is not.
func TestMigrations(t *testing.T) {
	a, err := parse(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	db, err := connect(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := []migration{
		{"CREATE TABLE perdure.a (n int)", 1}, {"ALTER TABLE perdure.a ADD COLUMN m int", 1}, {"DROP TABLE perdure.a", 3},
	}
	for version := 1; version <= len(all); version++ {
		var nodes sync.WaitGroup
		for range 6 {
			nodes.Go(func() {
				if err := db.migrate(t.Context(), all[:version]); err != nil {
					t.Errorf("to version %d: %v", version, err)
				}
			})
		}
		nodes.Wait()
		got, _, err := db.head(t.Context(), db)
		if err != nil || got != int64(version) {
			t.Errorf("got version %d, %v, want %d", got, err, version)
		}
		if err := db.migrate(t.Context(), all[:1]); (err != nil) != (version == 3) ||
			err != nil && !strings.Contains(err.Error(), "was made for a newer perdure (version 3, this one knows 1): update perdure") {
			t.Errorf("the oldest program, on version %d: got %v", version, err)
		}
	}
	broken := append(all, migration{"CREATE TABLE perdure.b (n int); SELECT 1/0", 4})
	if err := db.migrate(t.Context(), broken); err == nil {
		t.Error("a migration that fails was taken")
	}
	if got, _, err := db.head(t.Context(), db); err != nil || got != 3 {
		t.Errorf("after a migration that failed: got version %d, %v, want 3", got, err)
	}
}

// An old PostgreSQL is refused; there is none here to try.
func TestOldServer(t *testing.T) {
	if err := judge(130012, "UTF8", false); err == nil || !strings.Contains(err.Error(), "is version 13, and 14 is the oldest") {
		t.Errorf("got %v", err)
	}
	if err := judge(140000, "UTF8", false); err != nil {
		t.Errorf("of version 14: got %v", err)
	}
}
