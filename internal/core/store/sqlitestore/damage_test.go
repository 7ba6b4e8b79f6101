package sqlitestore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/storetest"
	"github.com/perdure/perdure/protocol"
)

func reopened(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// change runs statements on the database in dir behind the back of a store.
func change(t *testing.T, dir, statement string, args ...any) {
	t.Helper()
	db, err := sqlite{file: newFile(filepath.Join(dir, "perdure.db"))}.connect(1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.Exec(statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := result.RowsAffected(); n != 1 {
		t.Fatalf("%s: changed %d rows, want 1", statement, n)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	storetest.RunDamage(t, func(t *testing.T) (func() store.Store, func(storetest.Place)) {
		dir := t.TempDir()
		return func() store.Store { return reopened(t, dir) }, func(p storetest.Place) {
			switch {
			case p.Kind != "":
				change(t, dir, "UPDATE documents SET value = x'76616c7566206f662062' WHERE kind = $1 AND key = $2", p.Kind, p.Key)
			case p.Seq > 0:
				change(t, dir, "UPDATE journal SET data = x'71' WHERE id = $1 AND seq = $2", p.ID, p.Seq)
			default:
				change(t, dir, "UPDATE executions SET due = due + 1 WHERE id = $1", p.ID)
			}
		}
	})
}

// What is whole, and in the wrong place, is noticed.
func TestWrongPlaceIsNoticed(t *testing.T) {
	for _, statement := range []string{
		"UPDATE journal SET seq = 9 WHERE id = 'a' AND seq = 2",
		"DELETE FROM journal WHERE id = 'a' AND seq = 1",
		"DELETE FROM journal WHERE id = 'a' AND seq = 2",
		"UPDATE journal SET (sum, data) = (SELECT sum, data FROM journal WHERE id = 'b' AND seq = 2) WHERE id = 'a' AND seq = 2",
		"UPDATE journal SET (sum, data) = (SELECT sum, data FROM journal WHERE id = 'a' AND seq = 3) WHERE id = 'a' AND seq = 2",
	} {
		dir := sampleStore(t)
		change(t, dir, statement)
		s := reopened(t, dir)
		for _, reverse := range []bool{false, true} {
			var failure error
			for _, err := range s.Journal(t.Context(), "a", store.Range{Reverse: reverse}) {
				failure = err
			}
			if _, ok := failure.(*store.DamagedError); !ok {
				t.Errorf("%s, reverse %t: got %v", statement, reverse, failure)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// payload is what the entries of the sample hold: most of its file.
func payload(id string, seq int64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%s%d result ", id, seq), 140)
}

// sampleStore makes a database with something of everything, closed.
func sampleStore(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := reopened(t, dir)
	defer s.Close()
	for i := range 12 {
		id := string(rune('a' + i))
		row := &store.Row{ID: id, ARN: "arn:" + id, Function: "f", Version: "1", Name: "name-" + id, Status: protocol.ExecutionRunning,
			Started: 1000, Due: 7, Doing: 3, Since: 5}
		for seq := int64(1); seq <= 4; seq++ {
			w := store.Write{ID: id, Entry: store.Entry{Seq: seq, Data: payload(id, seq)}}
			if seq == 1 || seq == 4 {
				w.Row = row
			}
			if err := s.Commit(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.PutDocument(t.Context(), "kind", id, payload(id, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents reads all that a store holds. Whatever is noticed ends it.
func contents(t *testing.T, dir string) (text string, noticed error) {
	s, err := Open(t.Context(), dir, &Options{Durability: None})
	if err != nil {
		return "", err
	}
	defer s.Close()
	for problem, err := range s.Check(t.Context()) {
		if err != nil || problem != "" {
			return "", fmt.Errorf("%s (%v)", problem, err)
		}
	}
	rows, err := s.List(t.Context(), store.Query{Limit: 100})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, row := range rows {
		if row.Damaged {
			return "", fmt.Errorf("the row of %q", row.ID)
		}
		fmt.Fprintf(&b, "%+v\n", row)
		for e, err := range s.Journal(t.Context(), row.ID, store.Range{}) {
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%d %q\n", e.Seq, e.Data)
		}
	}
	documents, err := s.Documents(t.Context(), "kind", "", 10)
	if err != nil {
		return "", err
	}
	for _, d := range documents {
		if d.Damaged {
			return "", fmt.Errorf("the document %q", d.Key)
		}
		fmt.Fprintf(&b, "%s %q\n", d.Key, d.Value)
	}
	return b.String(), nil
}

// writeDatabase makes data the database in dir, in place of any other.
func writeDatabase(t *testing.T, dir string, data []byte) string {
	t.Helper()
	for _, suffix := range []string{"-wal", "-shm"} {
		os.Remove(filepath.Join(dir, "perdure.db"+suffix))
	}
	if err := os.WriteFile(filepath.Join(dir, "perdure.db"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFlippedBits turns bits of a database over, one at a time: whatever is not
// noticed does no harm.
func TestFlippedBits(t *testing.T) {
	database, err := os.ReadFile(filepath.Join(sampleStore(t), "perdure.db"))
	if err != nil {
		t.Fatal(err)
	}
	place := t.TempDir()
	whole, err := contents(t, writeDatabase(t, place, database))
	if err != nil || whole == "" {
		t.Fatalf("of the whole database: got %d bytes, %v", len(whole), err)
	}
	random := rand.New(rand.NewPCG(8, 8))
	noticed := 0
	flips := 400
	if testing.Short() {
		flips = 60
	}
	for range flips {
		bit := random.IntN(8 * len(database))
		changed := bytes.Clone(database)
		changed[bit/8] ^= 1 << (bit % 8)
		got, err := contents(t, writeDatabase(t, place, changed))
		switch {
		case err != nil:
			noticed++
		case got != whole:
			t.Errorf("bit %d of byte %d: nobody notices, and what is read is another", bit%8, bit/8)
		}
	}
	if noticed < flips/3 {
		t.Errorf("of %d flipped bits %d were noticed: there is little in the file", flips, noticed)
	}
	t.Logf("%d of %d were noticed", noticed, flips)
}

// A bit in a payload costs the execution that it belongs to, and nothing else.
func TestFlippedPayloadHarmsNobodyElse(t *testing.T) {
	dir := sampleStore(t)
	path := filepath.Join(dir, "perdure.db")
	database, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(database, payload("c", 3))
	if at < 0 {
		t.Fatal("the payload is not in one piece")
	}
	for ; at >= 0 && at < len(database); at++ { // SQLite leaves copies where pages were split
		next := bytes.Index(database[at:], payload("c", 3))
		if next < 0 {
			break
		}
		at += next
		database[at+300] ^= 0x10
	}
	if err := os.WriteFile(path, database, 0o600); err != nil {
		t.Fatal(err)
	}
	s := reopened(t, dir)
	defer s.Close()
	rows, err := s.List(t.Context(), store.Query{Limit: 100})
	if err != nil || len(rows) != 12 {
		t.Fatalf("got %d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		var failure error
		for _, err := range s.Journal(t.Context(), row.ID, store.Range{}) {
			failure = err
		}
		if row.Damaged || (failure != nil) != (row.ID == "c") {
			t.Errorf("%s: got damaged %t, %v", row.ID, row.Damaged, failure)
		}
		if row.ID == "c" && failure.Error() != "store: entry 3 of execution c is not what was written: it is damaged" {
			t.Errorf("got %v", failure)
		}
	}
}

// A damaged piece of a log is told as that, and the rest of it is there.
func TestDamagedLog(t *testing.T) {
	dir := sampleStore(t)
	s := reopened(t, dir)
	for _, text := range []string{"one", "two", "three"} {
		if err := s.AppendLog(t.Context(), store.LogWrite{ID: "a", Lines: []store.LogLine{{Text: text}}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	db, err := sqlite{file: newFile(filepath.Join(dir, "logs.db"))}.connect(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE lines SET data = CAST(replace(CAST(data AS TEXT), 'two', 'owt') AS BLOB) WHERE first = 2`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	s = reopened(t, dir)
	defer s.Close()
	lines, err := s.Log(t.Context(), "a", 0, 10)
	if err != nil || len(lines) != 3 || lines[0].Text != "one" || lines[1].Stream != "notice" || lines[2].Text != "three" {
		t.Errorf("got %+v, %v", lines, err)
	}
}
