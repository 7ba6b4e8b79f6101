package sqlitestore_test

import (
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/internal/core/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.RunPersistent(t, func(t *testing.T) func() store.Store {
		dir := t.TempDir()
		return func() store.Store { return open(t, dir, &sqlitestore.Options{Durability: sqlitestore.None}) }
	})
}

// open opens a store, and closes it at the latest when the test ends.
func open(t testing.TB, dir string, opts *sqlitestore.Options) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func BenchmarkCommit(b *testing.B) {
	for _, d := range []sqlitestore.Durability{sqlitestore.Power, sqlitestore.Process, sqlitestore.None} {
		b.Run(d.String(), func(b *testing.B) {
			storetest.BenchmarkCommit(b, func(b *testing.B) store.Store {
				return open(b, b.TempDir(), &sqlitestore.Options{Durability: d})
			})
		})
	}
}

func BenchmarkList(b *testing.B) {
	storetest.BenchmarkList(b, func(b *testing.B) store.Store {
		return open(b, b.TempDir(), &sqlitestore.Options{Durability: sqlitestore.None})
	}, func() {})
}
