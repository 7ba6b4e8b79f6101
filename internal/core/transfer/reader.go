package transfer

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
)

// Bounds of a batch: it is written when it is as large, so memory holds a few of them. A single entry, or the lines of
// one page, may exceed them.
const (
	batchBytes  = 1 << 20
	batchWrites = 500
	pageRows    = 500
	pageLines   = 1000
)

// batch is what is written at one time: documents, then entries, then lines.
type batch struct {
	documents []document
	writes    []store.Write
	logs      []store.LogWrite
	bytes     int
}

type document struct {
	kind string
	store.Document
}

// reader reads a source in batches.
type reader struct {
	ctx  context.Context
	from Source
	to   chan<- *batch
	next batch
}

func (r *reader) all() error {
	if err := r.documents(); err != nil {
		return err
	}
	for q := (store.Query{OldestFirst: true, Limit: pageRows}); ; {
		rows, err := r.from.List(r.ctx, q)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Damaged {
				return &store.DamagedError{ID: row.ID, What: "the row"}
			}
			if err := r.execution(row); err != nil {
				return err
			}
			q.After = row.ID
		}
		if len(rows) < pageRows {
			return r.send()
		}
	}
}

func (r *reader) documents() error {
	kinds, err := r.from.Kinds(r.ctx)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if kind == markKind || kind == store.ProbeKind {
			continue
		}
		for d, err := range store.AllDocuments(r.ctx, r.from, kind) {
			if err != nil {
				return err
			}
			if d.Damaged {
				return &store.DamagedError{What: fmt.Sprintf("document %q of kind %q", d.Key, kind)}
			}
			r.next.documents = append(r.next.documents, document{kind, d})
			if err := r.grow(len(d.Value)); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone is an owner that is no node.
const gone store.NodeID = 1

// execution reads one execution. Its row and its calls go with its first entry. Owners are nodes of the source's fleet,
// so here they are nobody's; one with an invocation in flight is somebody's who is gone, so that a node takes it over.
func (r *reader) execution(row *store.Row) error {
	calls, err := r.from.Calls(r.ctx, row.ID)
	if err != nil {
		return err
	}
	for i := range calls {
		calls[i].Owner = 0
	}
	owned := *row
	if owned.Owner = 0; machine.Doing(row.Doing)&machine.Running != 0 {
		owned.Owner = gone
	}
	last := int64(0)
	for {
		page, err := r.page(row.ID, last+1)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			w := store.Write{ID: row.ID, Entry: e}
			if e.Seq == 1 {
				w.Row, w.Calls = &owned, calls
			}
			r.next.writes, last = append(r.next.writes, w), e.Seq
			if err := r.grow(len(e.Data)); err != nil {
				return err
			}
		}
	}
	if last == 0 {
		return &store.DamagedError{ID: row.ID, What: "its journal, which is missing,"}
	}
	return r.log(row.ID)
}

// page reads the entries from a number on that fit into a batch. Nothing is written while the source is being read.
func (r *reader) page(id string, from int64) (page []store.Entry, err error) {
	size := 0
	for e, err := range r.from.Journal(r.ctx, id, store.Range{From: from, Limit: batchWrites}) {
		if err != nil {
			return nil, err
		}
		page = append(page, e)
		if size += len(e.Data); size >= batchBytes {
			break
		}
	}
	return page, nil
}

func (r *reader) log(id string) error {
	for after := int64(0); ; {
		lines, err := r.from.Log(r.ctx, id, after, pageLines)
		if err != nil || len(lines) == 0 {
			return err
		}
		after = lines[len(lines)-1].Seq
		size := 0
		for i := range lines {
			size += lines[i].Size()
		}
		if n := len(r.next.logs); n > 0 && r.next.logs[n-1].ID == id {
			r.next.logs[n-1].Lines = append(r.next.logs[n-1].Lines, lines...)
		} else {
			r.next.logs = append(r.next.logs, store.LogWrite{ID: id, Lines: lines})
		}
		if err := r.grow(size); err != nil || len(lines) < pageLines {
			return err
		}
	}
}

// grow counts what was added to the batch, and sends it when it is large.
func (r *reader) grow(n int) error {
	const each = 200 // of anything, beside its data
	r.next.bytes += n + each
	if r.next.bytes < batchBytes && len(r.next.writes) < batchWrites {
		return nil
	}
	return r.send()
}

func (r *reader) send() error {
	b := r.next
	r.next = batch{}
	select {
	case r.to <- &b:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}
