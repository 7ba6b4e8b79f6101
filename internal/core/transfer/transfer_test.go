package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/internal/core/transfer"
	"github.com/perdure/perdure/protocol"
)

// both is what a store is when it is copied from and to.
type both interface {
	transfer.Source
	transfer.Target
}

func openMemory(*testing.T) both { return memstore.New() }

func openSQLite(t *testing.T) both {
	st, err := sqlitestore.Open(t.Context(), t.TempDir(), &sqlitestore.Options{Durability: sqlitestore.None})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func id(i int) string { return fmt.Sprintf("0198-%06d", i) }

// fill puts executions of all kinds into a store: open and closed ones, with one entry and with thousands, with small
// entries and with one that is larger than a batch, with calls and logs.
func fill(t *testing.T, st store.Store) {
	t.Helper()
	ctx := t.Context()
	for i, status := range protocol.ExecutionStatuses {
		for j := range 3 {
			n := i*10 + j
			row := &store.Row{ID: id(n), ARN: "arn:" + id(n), Function: fmt.Sprint("f", j), Version: "1", Name: "n" + id(n),
				Status: status, Started: 1, Due: protocol.Timestamp(j), Wanted: 2, Expires: 3, Doing: uint32(j), Since: 6, Owner: 77,
				Redriven: j == 1}
			row.InputHash[3] = byte(n)
			must(t, st.Commit(ctx, store.Write{ID: id(n), Entry: store.Entry{Seq: 1, Data: []byte("start")}, Row: row,
				Calls: []store.Call{{Operation: "1", Function: "g", Version: "2", Wanted: 9, Owner: 77}}}))
			must(t, st.AppendLog(ctx, store.LogWrite{ID: id(n), Lines: []store.LogLine{
				{Time: 5, RequestID: "r", Operation: "1", Stream: "stdout", Text: "hello"}}}))
		}
	}
	var writes []store.Write
	for seq := range int64(2500) {
		writes = append(writes, store.Write{ID: id(0), Entry: store.Entry{Seq: seq + 2, Data: fmt.Append(nil, "entry ", seq)}})
	}
	must(t, st.Commit(ctx, writes...))
	for seq := int64(2); seq < 5; seq++ {
		must(t, st.Commit(ctx, store.Write{ID: id(1), Entry: store.Entry{Seq: seq, Data: bytes.Repeat([]byte{byte(seq)}, 3<<20)}}))
	}
	for range 3 {
		lines := make([]store.LogLine, 900)
		for i := range lines {
			lines[i] = store.LogLine{Time: 7, Stream: "stderr", Text: fmt.Sprint("line ", i)}
		}
		must(t, st.AppendLog(ctx, store.LogWrite{ID: id(2), Lines: lines}))
	}
	must(t, st.PutDocument(ctx, "secret", "token-key", []byte{0, 1, 2}))
	must(t, st.PutDocument(ctx, "version", "f/1", bytes.Repeat([]byte("x"), store.MaxDocument)))
	must(t, st.PutDocument(ctx, "version", "f/2", nil))
	must(t, st.PutDocument(ctx, store.ProbeKind, "ready", []byte("of one node")))
}

// execution is all that a store holds of one.
type execution struct {
	Row   store.Row
	Data  []string
	Calls []store.Call
	Log   []store.LogLine
}

// content is all that a store holds.
func content(t *testing.T, st transfer.Source) map[string]any {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	all := map[string]any{}
	rows, err := st.List(ctx, store.Query{Limit: 10_000, OldestFirst: true})
	must(t, err)
	for _, row := range rows {
		x := execution{Row: *row}
		for e, err := range st.Journal(ctx, row.ID, store.Range{}) {
			must(t, err)
			x.Data = append(x.Data, string(e.Data))
		}
		x.Calls, err = st.Calls(ctx, row.ID)
		must(t, err)
		x.Log, err = st.Log(ctx, row.ID, 0, 10_000)
		must(t, err)
		all[row.ID] = x
	}
	kinds, err := st.Kinds(ctx)
	must(t, err)
	for _, kind := range kinds {
		for d, err := range store.AllDocuments(ctx, st, kind) {
			must(t, err)
			all[kind+"/"+d.Key] = string(d.Value)
		}
	}
	return all
}

// copied copies everything.
func copied(ctx context.Context, from transfer.Source, to transfer.Target) (transfer.Summary, error) {
	tr, err := transfer.Begin(ctx, to, nil)
	if err != nil {
		return transfer.Summary{}, err
	}
	s, err := tr.Copy(ctx, from)
	if err == nil {
		err = tr.Finish(ctx)
	}
	return s, err
}

// TestDocumentsAreCopiedInPieces: of documents that are more than memory should hold, there is a part in memory.
func TestDocumentsAreCopiedInPieces(t *testing.T) {
	const documents, bound = 300, 20 << 20
	from, to := openSQLite(t), openSQLite(t)
	value := make([]byte, 200<<10)
	for i := range documents {
		value[0] = byte(i)
		must(t, from.PutDocument(t.Context(), "result", fmt.Sprintf("%05d", i), value))
	}
	before, most := heap(), uint64(0)
	tr, err := transfer.Begin(t.Context(), to, func(s transfer.Summary) {
		if s.Documents%10 == 0 {
			most = max(most, heap())
		}
	})
	must(t, err)
	s, err := tr.Copy(t.Context(), from)
	must(t, err)
	if s.Documents != documents {
		t.Errorf("got %d documents, want %d", s.Documents, documents)
	}
	if took := most - min(most, before); took > bound || most == 0 {
		t.Errorf("it took %d bytes of memory, want at most %d", took, bound)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestThereAndBack: what was copied to a store of another kind and back is what was there, but for what belongs to one
// fleet: owners, and documents of one node.
func TestThereAndBack(t *testing.T) {
	first, second, third := openMemory(t), openSQLite(t), openMemory(t)
	fill(t, first)
	there, err := copied(t.Context(), first, second)
	must(t, err)
	back, err := copied(t.Context(), second, third)
	must(t, err)
	if diff := cmp.Diff(there, back); diff != "" {
		t.Errorf("copied (-there +back):\n%s", diff)
	}
	if want := int64(len(protocol.ExecutionStatuses) * 3); there.Executions != want || there.Entries != want+2503 ||
		there.Lines != want+2700 || there.Documents != 3 {
		t.Errorf("got %+v", there)
	}
	want := content(t, first)
	delete(want, store.ProbeKind+"/ready")
	for key, x := range want {
		if x, ok := x.(execution); ok {
			if x.Row.Owner = 0; x.Row.Doing&uint32(machine.Running) != 0 {
				x.Row.Owner = 1
			}
			for i := range x.Calls {
				x.Calls[i].Owner = 0
			}
			want[key] = x
		}
	}
	if diff := cmp.Diff(want, content(t, third)); diff != "" {
		t.Errorf("content (-before +after):\n%.2000s", diff)
	}
	if err := transfer.Check(t.Context(), third); err != nil {
		t.Errorf("the copy is marked: %v", err)
	}
}

// watched is a target that looks at each write.
type watched struct {
	both
	commit func([]store.Write) error
}

func (w watched) Commit(ctx context.Context, writes ...store.Write) error {
	if err := w.commit(writes); err != nil {
		return err
	}
	return w.both.Commit(ctx, writes...)
}

// TestBounded: no write has more than a batch and one entry beyond it.
func TestBounded(t *testing.T) {
	from := openMemory(t)
	fill(t, from)
	most, calls := 0, 0
	to := watched{openMemory(t), func(writes []store.Write) error {
		size := 0
		for _, w := range writes {
			size += len(w.Entry.Data)
		}
		most, calls = max(most, size), calls+1
		if len(writes) > 500 {
			t.Errorf("%d entries in one write", len(writes))
		}
		return nil
	}}
	_, err := copied(t.Context(), from, to)
	must(t, err)
	if most > 4<<20 || calls < 8 {
		t.Errorf("%d writes, the largest of %d bytes", calls, most)
	}
}

var errLost = errors.New("the connection is lost")

// TestInterrupted: a target whose transfer broke off, at whatever write, is refused by all who would go on with it, and
// so is a second transfer.
func TestInterrupted(t *testing.T) {
	from := openMemory(t)
	fill(t, from)
	for at := range 8 {
		left := at
		inner := openMemory(t)
		to := watched{inner, func([]store.Write) error {
			if left--; left < 0 {
				return errLost
			}
			return nil
		}}
		if _, err := copied(t.Context(), from, to); !errors.Is(err, errLost) {
			t.Fatalf("write %d: got %v, want %v", at, err, errLost)
		}
		if err := transfer.Check(t.Context(), inner); !errors.Is(err, transfer.ErrIncomplete) {
			t.Errorf("write %d: got %v, want %v", at, err, transfer.ErrIncomplete)
		}
		if _, err := transfer.Begin(t.Context(), inner, nil); !errors.Is(err, transfer.ErrIncomplete) {
			t.Errorf("write %d, a second transfer: got %v, want %v", at, err, transfer.ErrIncomplete)
		}
	}
}

// TestNotEmpty: a target with anything in it stays as it is, and one in which somebody writes meanwhile is noticed.
func TestNotEmpty(t *testing.T) {
	from := openMemory(t)
	fill(t, from)
	row := func(id string) store.Write {
		return store.Write{ID: id, Entry: store.Entry{Seq: 1}, Row: &store.Row{ID: id, Function: "h", Version: "1", Name: id,
			Status: protocol.ExecutionRunning}}
	}
	for name, put := range map[string]func(store.Store) error{
		"execution": func(st store.Store) error { return st.Commit(t.Context(), row("x")) },
		"document":  func(st store.Store) error { return st.PutDocument(t.Context(), "secret", "token-key", nil) },
	} {
		to := openMemory(t)
		must(t, put(to))
		before := content(t, to)
		if _, err := copied(t.Context(), from, to); !errors.Is(err, transfer.ErrNotEmpty) {
			t.Errorf("%s: got %v, want %v", name, err, transfer.ErrNotEmpty)
		}
		if diff := cmp.Diff(before, content(t, to)); diff != "" {
			t.Errorf("%s: it was changed (-before +after):\n%s", name, diff)
		}
		meanwhile := openMemory(t)
		tr, err := transfer.Begin(t.Context(), meanwhile, nil)
		must(t, err)
		must(t, put(meanwhile))
		if _, err := tr.Copy(t.Context(), from); err == nil {
			t.Errorf("%s: what somebody wrote meanwhile was not noticed", name)
		}
	}
	to := openMemory(t)
	tr, err := transfer.Begin(t.Context(), to, nil)
	must(t, err)
	must(t, to.Commit(t.Context(), row(id(10)))) // the id of one that is copied
	if _, err := tr.Copy(t.Context(), from); !errors.Is(err, transfer.ErrNotEmpty) {
		t.Errorf("an execution with the same id: got %v, want %v", err, transfer.ErrNotEmpty)
	}
}

// damagedSource yields something that is not what was written.
type damagedSource struct {
	both
	row, document, journal bool
	err                    error
}

func (d damagedSource) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	rows, err := d.both.List(ctx, q)
	if d.row && len(rows) > 0 {
		rows[len(rows)-1].Damaged = true
	}
	return rows, err
}

func (d damagedSource) Documents(ctx context.Context, kind, after string, limit int) ([]store.Document, error) {
	docs, err := d.both.Documents(ctx, kind, after, limit)
	if d.document && kind == "version" {
		docs[0].Damaged = true
	}
	return docs, err
}

func (d damagedSource) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if d.journal {
			return
		}
		if d.err != nil {
			yield(store.Entry{}, d.err)
			return
		}
		d.both.Journal(ctx, id, part)(yield)
	}
}

// TestDamaged: what is damaged is not left out in silence.
func TestDamaged(t *testing.T) {
	for name, test := range map[string]struct {
		source damagedSource
		want   string
	}{
		"row":      {damagedSource{row: true}, "the row of execution "},
		"document": {damagedSource{document: true}, `document "f/1" of kind "version"`},
		"journal":  {damagedSource{journal: true}, "missing, of execution " + id(0)},
		"entry":    {damagedSource{err: &store.DamagedError{ID: id(1), What: "entry 2"}}, "entry 2 of execution " + id(1)},
		"reading":  {damagedSource{err: errLost}, errLost.Error()},
	} {
		test.source.both = openMemory(t)
		fill(t, test.source.both)
		_, err := copied(t.Context(), test.source, openMemory(t))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if _, damaged := errors.AsType[*store.DamagedError](err); damaged == (name == "reading") {
			t.Errorf("%s: got %v, want a DamagedError: %v", name, err, name != "reading")
		}
	}
}

// TestDeparted: what goes on elsewhere is refused, until it is said that it does not; a copy of it has no such mark.
func TestDeparted(t *testing.T) {
	st, to := openSQLite(t), openMemory(t)
	fill(t, st)
	must(t, transfer.Depart(t.Context(), st, "the fleet"))
	departed, ok := errors.AsType[*transfer.DepartedError](transfer.Check(t.Context(), st))
	if !ok || departed.To != "the fleet" {
		t.Errorf("got %v, want that it was moved to the fleet", departed)
	}
	_, err := copied(t.Context(), st, to)
	must(t, err)
	must(t, transfer.Check(t.Context(), to))
	must(t, transfer.Return(t.Context(), st))
	must(t, transfer.Check(t.Context(), st))
}

// TestCanceled: a transfer ends with its context, on either side of a write.
func TestCanceled(t *testing.T) {
	from := openMemory(t)
	fill(t, from)
	ctx, cancel := context.WithCancelCause(t.Context())
	to := watched{openMemory(t), func([]store.Write) error { cancel(errLost); return nil }}
	if _, err := copied(ctx, from, to); err == nil {
		t.Error("it went on after the end of its context")
	}
}
