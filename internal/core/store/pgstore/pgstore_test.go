package pgstore_test

import (
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/core/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestContract(t *testing.T) {
	storetest.RunPersistent(t, func(t *testing.T) func() store.Store {
		url := pgtest.Database(t)
		return func() store.Store { return open(t, url) }
	})
}

// open opens a store, and closes it at the latest when the test ends.
func open(t testing.TB, url string) *pgstore.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func BenchmarkCommit(b *testing.B) {
	c := pgtest.New(b, "fsync=on")
	storetest.BenchmarkCommit(b, func(b *testing.B) store.Store { return open(b, c.Database(b)) })
}

func BenchmarkList(b *testing.B) {
	storetest.BenchmarkList(b, func(b *testing.B) store.Store { return open(b, pgtest.Database(b)) })
}
