package engine

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/telemetry"
)

// Telemetry says which records of executions an engine makes, and to which sink they go.
//
// The sink gets a record of each execution that ends, at least once, unless the execution is deleted before. A record
// that the sink refuses is offered until it is taken, also by the next engine on the same store. So a record may come
// twice, after a crash above all: it has the same ARN then, and the same bytes, unless the configuration changed or
// is on-change. Nothing waits for the sink. Records that wait take a few MB at most, however long the sink stays
// away. When there are many, records of open executions may be left out.
//
// Records begin with the first start with a sink. Executions that end while an engine runs without one get none.
type Telemetry struct {
	telemetry.Config
	Sink telemetry.Sink
}

const (
	maxUntold     = 10_000           // untold executions in memory
	changesPause  = time.Second      // between two records of one change and the next
	deliveryLimit = 30 * time.Second // of one call of a sink
	finalLimit    = 2 * time.Second  // of the last one
	maxBatch      = 100              // records delivered together
	maxBatchBytes = 1 << 20          // bytes of them as JSON, without the last
	saveEvery     = 5 * time.Second
	// commitLimit is how long after its moment the end of an execution may become durable.
	commitLimit = time.Minute
)

// reporter tells a sink of executions. It remembers their ids, or if there are too many, that it must ask the store.
type reporter struct {
	*life
	ledger *ledger
	cfg    *Telemetry
	key    string        // of the document with its progress
	max    int           // of untold
	wake   chan struct{} // has room for one

	mu       sync.Mutex // guards what follows
	untold   []string   // ids, each once
	among    map[string]bool
	behind   bool // the store has more
	finished bool // nobody looks at these any more
	// adopted is how far nodes came that died before they had told of everything, by the keys of their documents.
	adopted map[string]protocol.Timestamp

	// The goroutine that tells has the rest.
	progress progress
	saved    time.Time
	stamp    protocol.Timestamp // of the records of open executions made last
	stuck    chan struct{}      // not nil while a call of the sink has not returned
}

// progress is what a reporter stores.
type progress struct {
	Since protocol.Timestamp // executions that closed before have been told of
	Clean bool               // all executions were told of when the engine closed
}

const telemetryKind, telemetryKey = store.TelemetryKind, "progress"

// openReporter reads how far telling has come. Without telemetry it returns nil, and the next engine begins anew. A
// node of a fleet tells of the executions that end there, and of those that a dead node did not tell of.
func openReporter(ctx context.Context, g *ledger, cfg *Telemetry) (*reporter, error) {
	if cfg == nil && !g.fleet.alone() {
		return nil, nil
	}
	if cfg == nil {
		return nil, forgetProgress(ctx, g.store)
	}
	if cfg.Sink == nil {
		return nil, errors.New("there is no sink")
	}
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	r := &reporter{
		life: g.life, ledger: g, cfg: cfg, key: telemetryKey, max: maxUntold, wake: make(chan struct{}, 1),
		among: map[string]bool{}, adopted: map[string]protocol.Timestamp{},
	}
	if !g.fleet.alone() {
		r.key = g.fleet.telemetry
		r.progress = progress{Since: r.now()}
		g.fleet.reporter = r
		return r, r.save(ctx)
	}
	data, err := g.store.Document(ctx, telemetryKind, telemetryKey)
	if err == nil {
		err = json.Unmarshal(data, &r.progress)
	}
	switch {
	case err == nil && !r.progress.Clean:
		r.miss()
	case err == nil, errors.Is(err, store.ErrNotFound):
		r.progress = progress{Since: r.now()}
	case isUnreadable(err):
		r.log.Error("how far records of executions were delivered cannot be read; "+
			"those of all that ended are delivered again", "error", err)
		r.progress = progress{}
		r.miss()
	default:
		return nil, err
	}
	return r, r.save(ctx)
}

// isUnreadable reports whether a document is there, but not as it was stored.
func isUnreadable(err error) bool {
	_, damaged := errors.AsType[*store.DamagedError](err)
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, mismatch := errors.AsType[*json.UnmarshalTypeError](err)
	return damaged || syntax || mismatch
}

func forgetProgress(ctx context.Context, st store.Store) error {
	_, err := st.Document(ctx, telemetryKind, telemetryKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return st.DeleteDocument(ctx, telemetryKind, telemetryKey)
}

func (r *reporter) save(ctx context.Context) error {
	data, err := json.Marshal(r.progress)
	if err == nil {
		err = r.ledger.store.PutDocument(ctx, telemetryKind, r.key, data)
	}
	return err
}

// adopt takes over telling from nodes that died. living are the keys of the others.
func (r *reporter) adopt(docs []store.Document, living map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range docs {
		if _, known := r.adopted[d.Key]; known || living[d.Key] || d.Key == r.key {
			continue
		}
		var theirs progress // from the beginning, if it cannot be read
		if !d.Damaged {
			_ = json.Unmarshal(d.Value, &theirs)
		}
		r.adopted[d.Key] = theirs.Since
		r.behind = true
		nudge(r.wake)
	}
}

// told forgets nodes whose executions were told of.
func (r *reporter) told(ctx context.Context, keys map[string]protocol.Timestamp) {
	for key := range keys {
		if err := r.ledger.store.DeleteDocument(ctx, telemetryKind, key); err != nil {
			r.miss() // they are told of again
			return
		}
		r.mu.Lock()
		delete(r.adopted, key)
		r.mu.Unlock()
	}
}

// heard remembers an execution that is to be told of. If a failed commit may have closed it, the store is asked.
func (r *reporter) heard(c change) {
	if c.x == nil {
		if closes(c.records) {
			r.miss()
		}
		return
	}
	x := c.x
	if x.Status().Closed() && !closes(c.records) || !r.cfg.Wants(x.Status()) {
		return
	}
	arn := x.Identity().ARN
	if !r.cfg.Samples(arn.String()) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.finished:
		r.late()
	case r.among[arn.ID]:
	case len(r.untold) < r.max:
		r.untold, r.among[arn.ID] = append(r.untold, arn.ID), true
	case x.Status().Closed():
		r.behind = true
	}
	nudge(r.wake)
}

// late leaves an execution that closed after the engine did to the next engine.
func (r *reporter) late() {
	if !r.progress.Clean {
		return
	}
	r.progress.Clean = false
	if err := r.save(context.WithoutCancel(r.ctx)); err != nil {
		r.log.Error("an execution that ended while the engine closed may not be told of", "error", err)
	}
}

func (r *reporter) run() {
	for {
		select {
		case <-r.wake:
		case <-r.ctx.Done():
			return
		}
		if !r.report(r.ctx) {
			r.miss()
			pause(r.ctx, retryDelay, nil)
		}
		if r.cfg.Emit == telemetry.OnChange {
			pause(r.ctx, changesPause, nil)
		}
	}
}

// miss says that executions are untold that only the store knows.
func (r *reporter) miss() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behind = true
	nudge(r.wake)
}

// finish tells of the last executions, when nothing runs any more, within finalLimit. The next engine has the rest.
func (r *reporter) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), finalLimit)
	defer cancel()
	clean := r.report(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished = true
	r.progress.Clean = clean && len(r.untold) == 0 && !r.behind
	if r.progress.Clean && !r.ledger.fleet.alone() {
		_ = r.ledger.store.DeleteDocument(ctx, telemetryKind, r.key) // if it stays, another node tells once more
		return
	}
	if err := r.save(context.Background()); err != nil {
		r.log.Warn("how far records of executions were delivered could not be stored; "+
			"the next engine delivers some again", "error", err)
	}
}

// report tells of all executions that are untold now, and reports whether that went well.
func (r *reporter) report(ctx context.Context) bool {
	cut := r.now()
	r.mu.Lock()
	ids, behind, adopted := slices.Values(r.untold), r.behind, maps.Clone(r.adopted)
	r.untold, r.behind = nil, false
	clear(r.among)
	r.mu.Unlock()
	r.stamp = max(r.stamp+1, cut)
	b := &batch{reporter: r, ctx: ctx}
	if behind {
		since := r.progress.Since
		for _, theirs := range adopted {
			since = min(since, theirs)
		}
		ids = b.closedSince(since)
	}
	for id := range ids {
		if b.add(id); b.failed {
			return false
		}
	}
	if b.flush(); b.failed {
		return false
	}
	if behind {
		r.told(ctx, adopted)
	}
	since := cut.Add(-commitLimit)
	setBack := since < r.progress.Since // the clock was
	r.progress.Since = since
	if setBack || time.Since(r.saved) >= saveEvery {
		r.saved = time.Now()
		if err := r.save(ctx); err != nil {
			r.log.Warn("how far records of executions were delivered could not be stored", "error", err)
		}
	}
	return true
}

// batch is records that are delivered together.
type batch struct {
	reporter *reporter
	ctx      context.Context
	records  []telemetry.Record
	size     int
	failed   bool
}

// closedSince yields the executions that have closed since a moment.
func (b *batch) closedSince(since protocol.Timestamp) iter.Seq[string] {
	r := b.reporter
	q := store.Query{OldestFirst: true, Limit: 500}
	for _, s := range protocol.ExecutionStatuses {
		if s.Closed() && r.cfg.Wants(s) {
			q.Statuses = append(q.Statuses, s)
		}
	}
	return func(yield func(string) bool) {
		for {
			rows, err := r.ledger.store.List(b.ctx, q)
			if err != nil {
				r.log.Error("executions that were not told of could not be looked for; trying again", "error", err)
				b.failed = true
			}
			for _, row := range rows {
				q.After = row.ID
				if (row.Closed >= since && r.cfg.Samples(row.ARN) || row.Damaged) && !yield(row.ID) {
					return
				}
			}
			if len(rows) < q.Limit {
				return
			}
		}
	}
}

// add adds the record of an execution, and delivers a batch that is large enough.
func (b *batch) add(id string) {
	r := b.reporter
	source, err := r.source(b.ctx, id)
	if _, damaged := errors.AsType[*damagedError](err); damaged {
		r.log.Error("there is no record of an execution whose journal cannot be understood",
			"execution", id, "error", err)
		return
	}
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !(r.cfg.Wants(source.Status) && r.cfg.Samples(source.ARN)):
		return
	case err != nil:
		r.log.Error("an execution could not be read for its record; trying again", "execution", id, "error", err)
		b.failed = true
		return
	}
	emitted := source.End // the same if the record comes again
	if r.cfg.Emit == telemetry.OnChange {
		emitted = max(emitted, r.stamp)
	}
	record := r.cfg.Record(source, emitted)
	b.records = append(b.records, record)
	b.size += len(record.JSON())
	if len(b.records) >= maxBatch || b.size >= maxBatchBytes {
		b.flush()
	}
}

// source is an execution as it is told of now. One that was not in memory does not stay there.
func (r *reporter) source(ctx context.Context, id string) (source *telemetry.Execution, err error) {
	l, release := r.ledger.hold(id)
	defer release()
	x := l.x
	if x == nil {
		x, err = r.ledger.replay(ctx, id, machine.Load(r.ledger.rules))
	}
	if err != nil {
		return nil, err
	}
	result, failure := x.Result()
	return &telemetry.Execution{
		ARN: x.ARN(), Status: x.Status(), Start: x.Started(), End: x.Closed(),
		Input: x.Input(), Output: result, Error: failure, Operations: slices.Values(x.Operations()),
	}, nil
}

// flush delivers the batch, and tries until the sink has taken all.
func (b *batch) flush() {
	r := b.reporter
	var warned time.Time
	for len(b.records) > 0 {
		left, err := r.deliver(b.ctx, b.records)
		b.records = b.records[len(b.records)-left:]
		if err == nil {
			continue
		}
		if b.ctx.Err() != nil {
			b.failed = true
			return
		}
		if time.Since(warned) > time.Minute {
			warned = time.Now()
			r.log.Warn("records of executions are not taken; they are offered until they are",
				"records", left, "error", err)
		}
		pause(b.ctx, retryDelay, nil)
	}
	b.records, b.size = nil, 0
}

// deliver calls the sink. A sink that does not return in time keeps the engine from telling more, but not from
// closing.
func (r *reporter) deliver(ctx context.Context, records []telemetry.Record) (left int, err error) {
	if r.stuck != nil {
		select {
		case <-r.stuck:
		case <-ctx.Done():
			return len(records), ctx.Err()
		}
	}
	done := make(chan struct{})
	r.stuck = done
	limited, cancel := context.WithTimeout(ctx, deliveryLimit)
	defer cancel()
	var l int
	var e error
	mine := slices.Clone(records)
	go func() {
		defer close(done)
		l, e = telemetry.Deliver(limited, r.cfg.Sink, mine)
	}()
	select {
	case <-done:
		r.stuck = nil
		return l, e
	case <-ctx.Done():
		return len(records), ctx.Err()
	}
}
