package pgstore_test

import (
	"fmt"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/core/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.RunPersistent(t, func(t *testing.T) func() store.Store {
		url := pgtest.Schema(t)
		return func() store.Store { return open(t, url) }
	})
}

func TestFleet(t *testing.T) {
	storetest.RunFleet(t, func(t *testing.T) (a, b store.Fleet) {
		url := pgtest.Schema(t)
		return open(t, url), open(t, url)
	})
}

// Behind a pooler, where each transaction may have another session, all is the same but hints.
func TestPooler(t *testing.T) {
	c := pgtest.Shared(t)
	address := c.Pooler(t, "postgres")
	number := 0
	pooled := func(t *testing.T) func() *pgstore.Store {
		number++
		through := fmt.Sprintf("%s&schema=pooled%d", address, number)
		return func() *pgstore.Store {
			s := open(t, through)
			if !s.Pooled() {
				t.Fatal("the pooler was not noticed")
			}
			return s
		}
	}
	t.Run("Contract", func(t *testing.T) { storetest.Run(t, func(t *testing.T) store.Store { return pooled(t)() }) })
	t.Run("Files", func(t *testing.T) { storetest.RunFiles(t, func(t *testing.T) store.Files { return pooled(t)() }) })
	t.Run("Fleet", func(t *testing.T) {
		storetest.RunFleet(t, func(t *testing.T) (a, b store.Fleet) {
			open := pooled(t)
			return open(), open()
		})
	})
}

func TestFiles(t *testing.T) {
	storetest.RunFiles(t, func(t *testing.T) store.Files { return open(t, pgtest.Schema(t)) })
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
	c := pgtest.Shared(b)
	// The server vacuums by itself soon after so much is new. Until then it looks beside its indexes into the table.
	vacuum := func() { c.Exec(b, "postgres", "VACUUM ANALYZE") }
	storetest.BenchmarkList(b, func(b *testing.B) store.Store { return open(b, pgtest.Schema(b)) }, vacuum)
}
