package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// damagedError says that an execution's journal cannot be understood.
type damagedError struct {
	id  string
	err error
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("the journal of execution %s cannot be understood: %v", e.id, e.err)
}

// unreadError says that the store did not give an execution's journal.
type unreadError struct {
	id  string
	err error
}

func (e *unreadError) Error() string { return fmt.Sprintf("reading execution %s: %v", e.id, e.err) }
func (e *unreadError) Unwrap() error { return e.err }

// load makes sure that l.x is there. l.mu is held. An unknown execution is
// [store.ErrNotFound].
func (e *Engine) load(ctx context.Context, l *live) error {
	if l.x != nil {
		return nil
	}
	x, err := e.replay(ctx, l.id, machine.Load(e.rules))
	if err != nil {
		return err
	}
	l.x = x
	return nil
}

// replay reads an execution's journal into a loader. An unknown execution is
// [store.ErrNotFound]; what cannot be understood, or is another one's, is a
// [damagedError].
func (e *Engine) replay(ctx context.Context, id string, loader *machine.Loader) (*machine.Execution, error) {
	found := false
	for entry, err := range e.journal(ctx, id, store.Range{}) {
		if err != nil {
			return nil, err
		}
		found = true
		if err := loader.Add(entry.Data); err != nil {
			return nil, &damagedError{id, err}
		}
	}
	if !found {
		return nil, store.ErrNotFound
	}
	x, err := loader.Execution()
	if err == nil {
		err = checkID(id, x)
	}
	if err != nil {
		return nil, &damagedError{id, err}
	}
	return x, nil
}

// update applies one input to an execution: apply works on a draft, whose
// records are then committed and published, whether or not apply returns an
// error (a refused callback may still have found timers that were due). The
// error is apply's, or that of a failed commit.
//
// A commit that lost is tried again on the state that won.
func (e *Engine) update(ctx context.Context, id string, apply func(*machine.Draft) error) error {
	return e.updateThen(ctx, id, apply, nothing)
}

// nothing is what there is to do after most updates.
func nothing(*live) {}

// look is an input that changes nothing.
func look(*machine.Draft) error { return nil }

// updateThen is update followed by a look at the state it left, before the next
// input has its turn.
func (e *Engine) updateThen(ctx context.Context, id string, apply func(*machine.Draft) error, then func(*live)) error {
	l := e.cache.acquire(id)
	done := false
	defer func() { e.cache.release(l, done) }()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := e.load(ctx, l); err != nil {
			return err
		}
		done = over(l.x)
		d := l.x.Draft(e.now())
		refusal := apply(d)
		err := e.commit(l, d)
		if errors.Is(err, store.ErrConflict) {
			e.log.Debug("another writer was first; reading again", "execution", id)
			continue
		}
		if err != nil {
			return err
		}
		then(l)
		return refusal
	}
}

// commit makes a draft durable and publishes it. l.mu is held. If it fails, the
// copy in memory is dropped.
//
// The commit does not end with the caller's context: who gave up waiting must
// not leave the outcome open.
func (e *Engine) commit(l *live, d *machine.Draft) error {
	records := d.Records()
	if len(records) == 0 {
		return nil
	}
	write := store.Write{ID: l.id, Entry: store.Entry{Seq: d.Entries() + 1, Data: machine.Encode(records)}}
	if d.Entries() == 0 || rowChanged(l.x, d) {
		write.Row = row(d)
	}
	write.Calls = e.calls(d)
	e.functions.starting.RLock()
	defer e.functions.starting.RUnlock()
	if d.Entries() == 0 {
		if _, err := e.admitStart(d.Identity().ARN); err != nil {
			return err
		}
	}
	writes, err := e.children(d, []store.Write{write})
	if err != nil {
		return err
	}
	if err := e.store.Commit(context.WithoutCancel(e.ctx), writes...); err != nil {
		l.x = nil
		// It may have taken effect all the same: let everybody look again.
		e.news.announce(l.id)
		e.missed(writes)
		e.reportDoubt(records)
		return err
	}
	l.x = d.Publish()
	e.counters.committed(writes, records)
	e.traceClosed(l.x, records)
	e.reportChange(l.x, records)
	e.published(l, writes)
	return nil
}

// published tells everybody whom the new state concerns. l.mu is held.
func (e *Engine) published(l *live, writes []store.Write) {
	e.news.announce(l.id)
	for _, w := range writes {
		if w.Row != nil {
			e.plan(w.Row)
		}
		e.planCalls(w.ID, w.Calls)
	}
	if l.x.Status().Closed() {
		e.drained(l.x.Identity().ARN)
	}
}

// rowChanged reports whether the draft changes what is searched for.
func rowChanged(x *machine.Execution, d *machine.Draft) bool {
	return x.Status() != d.Status() || x.Due() != d.Due() || x.Wanted() != d.Wanted() || x.Expires() != d.Expires() ||
		x.Doing() != d.Doing() || x.Since() != d.Since()
}

// row returns the draft's row in the store.
func row(d *machine.Draft) *store.Row {
	arn := d.Identity().ARN
	return &store.Row{
		ID: arn.ID, ARN: arn.String(), Function: arn.Function, Version: arn.Version, Name: arn.Name,
		Status: d.Status(), Started: d.Started(), Closed: d.Closed(),
		Due: d.Due(), Wanted: d.Wanted(), Expires: d.Expires(), Doing: uint32(d.Doing()), Since: d.Since(), InputHash: d.InputHash(),
	}
}

// over reports whether nothing but its removal awaits an execution.
func over(x *machine.Execution) bool { return x.Status().Closed() && !x.OwesParent() }

// view reads an execution. read must not keep what it is given.
func (e *Engine) view(ctx context.Context, arn string, read func(*live)) error {
	id, err := parseExecution(arn)
	if err != nil {
		return err
	}
	l := e.cache.acquire(id)
	done := false
	defer func() { e.cache.release(l, done) }()
	l.mu.Lock()
	defer l.mu.Unlock()
	err = e.load(ctx, l)
	done = err == nil && over(l.x)
	if errors.Is(err, store.ErrNotFound) || err == nil && l.x.Identity().ARN.String() != arn {
		return executionNotFound()
	}
	if err != nil {
		return err
	}
	read(l)
	return nil
}

// glance reads an execution of which nobody needs what its operations hold. One
// that is not in memory is read as an outline and does not come to stay. read
// must not keep what it is given.
func (e *Engine) glance(ctx context.Context, arn string, read func(*machine.Execution)) error {
	id, err := parseExecution(arn)
	if err != nil {
		return err
	}
	if e.glanceInMemory(id, arn, read) {
		return nil
	}
	x, err := e.replay(ctx, id, machine.LoadOutline(e.rules))
	if errors.Is(err, store.ErrNotFound) || err == nil && x.Identity().ARN.String() != arn {
		return executionNotFound()
	}
	if err != nil {
		return err
	}
	read(x)
	return nil
}

// glanceInMemory is glance at an execution that is in memory; it reports whether
// it is.
func (e *Engine) glanceInMemory(id, arn string, read func(*machine.Execution)) bool {
	l := e.cache.acquire(id)
	l.mu.Lock()
	there := l.x != nil && l.x.Identity().ARN.String() == arn
	if there {
		read(l.x)
	}
	l.mu.Unlock()
	e.cache.release(l, false)
	return there
}

func executionNotFound() error {
	return protocol.Errorf(protocol.CodeNotFound, "Durable Execution does not exist")
}

// parseExecution returns the execution id of an ARN.
func parseExecution(arn string) (id string, err error) {
	a, err := protocol.ParseARN(arn)
	if err != nil {
		return "", protocol.Errorf(protocol.CodeInvalidParameter, "Invalid durable execution ARN: %s", arn)
	}
	return a.ID, nil
}
