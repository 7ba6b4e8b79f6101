package engine_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// What is stored and no engine would have stored costs its execution, and
// nobody else: lists go on, also from page to page.
func TestDamagedExecutionsAreLeftAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var log logText
		f.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		file := exhibition(t, f)
		for _, id := range []string{"order-7", "ZZZ", "00000000-0000-7000-8000-00000000ABCD", "zzzzzzzz-0000-7000-8000-00000000abcd"} {
			f.stored(file, func(all []machine.Record) []machine.Record { return renamed(id)(forgeName(all, "n-"+id[:3])) })
		}
		f.durable("order", order)
		for n := range 3 {
			f.result(f.start("order", fmt.Sprint("order-", n), ""))
		}
		f.restart()
		var names []string
		for req := (engine.ListRequest{MaxItems: 1}); ; {
			items, next, err := f.List(t.Context(), &req)
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range items {
				names = append(names, item.Name)
				f.readAll(item.ARN)
			}
			if req.Marker = next; next == "" {
				break
			}
		}
		if got, want := strings.Join(names, " "), "order-2 order-1 order-0 exhibit"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if !strings.Contains(log.String(), "the row of an execution is damaged") {
			t.Errorf("the log says nothing of it: %s", &log)
		}
		for _, id := range []string{"order-7", "ZZZ"} {
			arn := strings.ReplaceAll("arn:aws:lambda:us-east-1:000000000000:function:all:$LATEST/durable-execution/n-ID/"+id, "ID", id[:3])
			if _, err := f.Describe(t.Context(), arn); err == nil || !strings.Contains(err.Error(), "cannot be understood") {
				t.Errorf("%s: got %v", id, err)
			}
			if _, _, err := f.History(t.Context(), &engine.HistoryRequest{ARN: arn, MaxItems: 1}); err == nil {
				t.Errorf("%s: has a history", id)
			}
		}
	})
}

// rotten is a store in which some documents and rows are damaged.
type rotten struct {
	*memstore.Store
	documents map[string]bool // by key
	rows      map[string]bool // by name
}

func (r *rotten) Documents(ctx context.Context, kind, after string, limit int) ([]store.Document, error) {
	all, err := r.Store.Documents(ctx, kind, after, limit)
	for i := range all {
		if r.documents[all[i].Key] {
			all[i] = store.Document{Key: all[i].Key, Value: []byte("{}"), Damaged: true}
		}
	}
	return all, err
}

func (r *rotten) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	all, err := r.Store.List(ctx, q)
	for _, row := range all {
		if r.rows[row.Name] {
			*row = store.Row{ID: row.ID, ARN: "arn:of\x00noise", Name: "\xff", Damaged: true}
		}
	}
	return all, err
}

func (r *rotten) Row(ctx context.Context, id string) (*store.Row, error) {
	row, err := r.Store.Row(ctx, id)
	if err == nil && r.rows[row.Name] {
		return nil, &store.DamagedError{ID: id, What: "the row"}
	}
	return row, err
}

// A version whose document is damaged keeps its code, and code that is missing
// is a problem that verifying finds.
func TestCodeOfDamagedVersions(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		for _, build := range []string{"red", "blue"} {
			m.build("paint", build, order)
			f.publish("paint")
		}
		found := func(e *engine.Engine) (texts []string) {
			summary, err := e.Verify(t.Context(), func(p engine.Problem) { texts = append(texts, p.Text) })
			if err != nil || summary.Problems != int64(len(texts)) {
				t.Errorf("got %+v and %q, %v", summary, texts, err)
			}
			return texts
		}
		if got := found(f.Engine); got != nil {
			t.Errorf("of sound versions: got %q", got)
		}
		f.close()
		e, err := engine.Open(t.Context(), &rotten{Store: f.store, documents: map[string]bool{"paint/1": true}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Functions().RunVersions(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if !m.kept["red"] || !m.kept["blue"] {
			t.Errorf("kept is %v: the code of a version that cannot be read was removed", m.kept)
		}
		if got := strings.Join(found(e), "; "); got != "version 1 of function paint cannot be understood" {
			t.Errorf("got %q", got)
		}
		delete(m.kept, "blue")
		if got := strings.Join(found(e), "; "); !strings.Contains(got, "version 2 of function paint: its code is missing") {
			t.Errorf("got %q", got)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		m.kept["blue"] = true
		m.reopen()
	})
}

// A row that is damaged is listed by its journal, and told.
func TestDamagedRowsAreListed(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		for n := range 3 {
			f.result(f.start("order", fmt.Sprint("order-", n), ""))
		}
		e, err := engine.Open(t.Context(), &rotten{Store: f.store, rows: map[string]bool{"order-1": true}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		items, _, err := e.List(t.Context(), &engine.ListRequest{})
		if err != nil || len(items) != 3 || items[1].Name != "order-1" || items[1].Status != protocol.ExecutionSucceeded {
			t.Fatalf("got %+v, %v", items, err)
		}
		if events, _, err := e.History(t.Context(), &engine.HistoryRequest{ARN: items[1].ARN}); err != nil || len(events) == 0 {
			t.Errorf("its history: got %d events, %v", len(events), err)
		}
		var problems []string
		if _, err := e.Verify(t.Context(), func(p engine.Problem) {
			problems = append(problems,
				p.Text)
		}); err != nil || strings.Join(problems, "; ") != "the row is damaged" {
			t.Errorf("got %q, %v", problems, err)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// readAll reads an execution in all the ways that there are, and fails the test
// on nothing but a panic.
func (f *fixture) readAll(arn string) {
	ctx := context.Background()
	f.Describe(ctx, arn)
	for _, newest := range []bool{false, true} {
		for req := (engine.HistoryRequest{ARN: arn, MaxItems: 2, NewestFirst: newest}); ; {
			events, next, err := f.History(ctx, &req)
			for _, ev := range events {
				protocol.AppendEvent(nil, ev, true)
			}
			if req.Marker = next; err != nil || next == "" {
				break
			}
		}
	}
	f.Explain(ctx, arn)
	f.Export(ctx, arn, io.Discard)
}
