package pgstore

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/core/store/storetest"
	"github.com/perdure/perdure/protocol"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func opened(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// execute runs statements behind the back of a store.
func execute(t testing.TB, s *Store, statements ...string) {
	t.Helper()
	conn, err := s.single(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), s.in(statement)); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestDamageIsNoticed(t *testing.T) {
	storetest.RunDamage(t, func(t *testing.T) (func() store.Store, func(storetest.Place)) {
		url := pgtest.Schema(t)
		quoted := func(s string) string { return "'" + s + "'" }
		return func() store.Store { return opened(t, url) }, func(p storetest.Place) {
			s := opened(t, url)
			switch {
			case p.Kind != "":
				execute(t, s, "UPDATE perdure.documents SET value = 'value of '::bytea WHERE kind = "+quoted(p.Kind)+
					" AND key = "+quoted(p.Key))
			case p.Seq > 0:
				execute(t, s, "UPDATE perdure.journal SET data = 'q'::bytea WHERE id = "+quoted(p.ID)+" AND seq = "+
					parameter(int(p.Seq))[1:])
			default:
				execute(t, s, "UPDATE perdure.executions SET due = due + 1 WHERE id = "+quoted(p.ID))
			}
			s.Close()
		}
	})
}

// A new schema is what Check takes for one, and each contradiction is told.
func TestCheck(t *testing.T) {
	s := opened(t, pgtest.Database(t))
	found := func() (texts []string) {
		for text, err := range s.Check(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, text)
		}
		return texts
	}
	shapes, err := all(t.Context(), &s.reader, scanText, sqlShape, s.schema)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(shape), strings.Join(shapes, "\n")); diff != "" {
		if os.Getenv("PERDURE_UPDATE") != "" {
			text := "package pgstore\n\n// shape is what [sqlShape] finds in a new schema.\nconst shape = `\n" +
				strings.Join(shapes, "\n") + "\n`\n"
			if err := os.WriteFile("shape.go", []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		t.Fatalf("shape.go is not what the migrations make; PERDURE_UPDATE=1 writes it anew (-want +got):\n%s", diff)
	}
	for _, id := range []string{"a", "b", "c"} {
		row := &store.Row{ID: id, Function: "f", Version: "1", Name: id, Status: protocol.ExecutionRunning, Started: 1}
		if err := s.Commit(t.Context(), store.Write{ID: id, Entry: store.Entry{Seq: 1}, Row: row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if err := s.PutDocument(t.Context(), "k", "d", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if got := found(); got != nil {
		t.Errorf("of a whole store: got %q", got)
	}
	execute(t, s, "DELETE FROM perdure.journal WHERE id = 'a'", "DELETE FROM perdure.executions WHERE id = 'b'",
		"INSERT INTO perdure.calls VALUES ('x', '1', 'g', '1', 5, 0)", "UPDATE perdure.documents SET value = 'w'",
		"DROP INDEX perdure.executions_name", "INSERT INTO perdure.files VALUES (1, 'n', 2, 0)")
	got := strings.Join(found(), "\n")
	for _, want := range []string{"the journal of b belongs to no execution", "execution a has no journal",
		"a call of function g belongs to no execution: x", "file n is incomplete", "document \"d\" of kind \"k\" is not what was written",
		"the schema is damaged: it lacks \"index executions_name"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %q", got, want)
		}
	}
}

// A snapshot does not see what comes after it.
func TestSnapshot(t *testing.T) {
	s := opened(t, pgtest.Database(t))
	commit := func(id string) {
		row := &store.Row{ID: id, Function: "f", Version: "1", Name: id, Status: protocol.ExecutionRunning, Started: 1}
		if err := s.Commit(t.Context(), store.Write{ID: id, Entry: store.Entry{Seq: 1}, Row: row}); err != nil {
			t.Fatal(err)
		}
	}
	commit("a")
	if err := s.PutDocument(t.Context(), "k", "d", []byte("v")); err != nil {
		t.Fatal(err)
	}
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	if _, err := snapshot.Row(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	commit("b")
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.PutDocument(t.Context(), "l", "d", []byte("v")); err != nil {
		t.Fatal(err)
	}
	rows, err := snapshot.List(t.Context(), store.Query{Limit: 10})
	if err != nil || len(rows) != 1 || rows[0].ID != "a" {
		t.Errorf("got %v, %v, want a alone", rows, err)
	}
	entries := 0
	for _, err := range snapshot.Journal(t.Context(), "a", store.Range{}) {
		if entries++; err != nil {
			t.Error(err)
		}
	}
	if entries != 1 {
		t.Errorf("got %d entries, want 1", entries)
	}
	if kinds, err := snapshot.Kinds(t.Context()); err != nil || len(kinds) != 1 || kinds[0] != "k" {
		t.Errorf("got the kinds %v, %v, want k", kinds, err)
	}
}

func TestSettings(t *testing.T) {
	s := opened(t, pgtest.Database(t))
	got, err := s.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Fsync || got.FullPageWrites || got.SynchronousCommit != "on" || got.Encoding != "UTF8" || got.Replica || got.Pooled ||
		got.MaxConnections != 200 || got.Connections < 1 || got.PoolSize != maxConnections || got.Schema != "perdure" ||
		got.SchemaVersion != 1 || len(got.Tables) < 9 || got.Size == 0 || got.Clock > got.Asked+1e9 {
		t.Errorf("got %+v", got)
	}
	h := s.Health(t.Context())
	if h.Kind != "PostgreSQL" || h.Durability != "fsync off, synchronous_commit on" || h.Bytes == 0 || h.Waiting != 0 {
		t.Errorf("got %+v", h)
	}
}
