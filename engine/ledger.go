package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// ledger is where executions change. It holds those in memory, applies inputs, commits the changes, and tells
// subscribers.
type ledger struct {
	*life
	store  store.Store
	rules  *machine.Rules
	starts *starter
	cache  cache
	fleet  *membership
	always context.Context // does not end with the engine: see commit
	// takeOff begins, in a draft, the invocation that the draft wants, if that can begin now; it is nil if not.
	takeOff func(*live, *machine.Draft) *takeoff
	// subscribers hear of each change in this order, under the execution's lock: they neither wait nor change an
	// execution. All subscribe before the first commit.
	subscribers []func(change)
}

// change is what subscribers hear about an execution.
type change struct {
	id string
	// x is the new state; nobody keeps it. It is nil if the execution was removed, and if a commit failed, which may
	// have taken effect all the same: only the store knows.
	x       *machine.Execution
	records []machine.Record // of the input
	writes  []store.Write    // the execution's, and those of the children that it began; nobody keeps their entries
}

func newLedger(l *life, st store.Store, starts *starter, cacheBytes int) *ledger {
	g := &ledger{
		life: l, store: st, rules: starts.rules, starts: starts, always: context.WithoutCancel(l.ctx),
	}
	g.cache.init(cacheBytes)
	return g
}

func (g *ledger) subscribe(hear ...func(change)) { g.subscribers = append(g.subscribers, hear...) }

func (g *ledger) tell(c change) {
	for _, hear := range g.subscribers {
		hear(c)
	}
}

// An input is pure: it reads only the draft and what never changes, and changes only the draft. It is applied again, to
// another draft, if its commit loses against another writer. So it returns what it found out, and effects follow after
// the commit.
type input[T any] func(*machine.Draft) (T, error)

// none is the result of an input that finds nothing out.
type none = struct{}

// unrefused is an input that is never refused and finds nothing out.
func unrefused(apply func(*machine.Draft)) input[none] {
	return func(d *machine.Draft) (none, error) {
		apply(d)
		return none{}, nil
	}
}

// look is an input that changes nothing.
func look(*machine.Draft) (none, error) { return none{}, nil }

// update applies an input to an execution, commits the change, and returns the input's result. A refused input is
// committed, too: timers that were due may have fired before it. The error is the refusal, or that of the commit.
func update[T any](ctx context.Context, g *ledger, id string, apply input[T]) (T, error) {
	return updateThen(ctx, g, id, apply, nothing)
}

// updateLive is update for an input that also looks at what goes on with the execution in this process.
func updateLive[T any](
	ctx context.Context, g *ledger, id string, apply func(*live, *machine.Draft) (T, error),
) (T, error) {
	l := g.cache.pin(id)
	defer g.cache.unpin(l)
	return update(ctx, g, id, func(d *machine.Draft) (T, error) { return apply(l, d) })
}

// nothing is done after most updates.
func nothing[T any](*live, T, error) {}

// updateThen is update with an effect: then is called once, between the commit and the next input, with result and
// refusal.
//
// The state that the input saw is the newest one: the commit proves it. Of an input that has nothing to commit, the
// number of the last entry in the store does, unless no other engine uses that.
func updateThen[T any](
	ctx context.Context, g *ledger, id string, apply input[T], then func(*live, T, error),
) (T, error) {
	l := g.cache.acquire(id)
	done := false
	defer func() { g.cache.release(l, done) }()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		g.cache.trust(l)
		remembered := l.x != nil
		if err := g.load(ctx, l); err != nil {
			return *new(T), err
		}
		done = over(l.x)
		d := l.x.Draft(g.now())
		result, refusal := apply(d)
		err := g.commit(l, d)
		if err == nil && remembered && len(d.Records()) == 0 {
			err = g.prove(ctx, l)
		}
		if errors.Is(err, store.ErrConflict) && !g.isTaken(ctx, d.Beginning()) {
			g.log.Debug("another writer was first; reading again", "execution", id)
			continue
		}
		if err != nil {
			return *new(T), err
		}
		l.heed()
		then(l, result, refusal)
		d.Done()
		return result, refusal
	}
}

// isTaken reports whether an execution has the name already that a new one was to have; of none it is false. If the
// store cannot tell, the next read fails, too.
func (g *ledger) isTaken(ctx context.Context, d *machine.Draft) bool {
	if d == nil {
		return false
	}
	arn := d.Identity().ARN
	_, err := g.store.Named(ctx, arn.Function, arn.Name)
	return err == nil
}

// prove fails with [store.ErrConflict] if the execution in memory is not the stored one, and forgets it then.
func (g *ledger) prove(ctx context.Context, l *live) error {
	if g.fleet.alone() {
		return nil
	}
	last, err := g.fleet.store.Last(ctx, l.id)
	switch {
	case err != nil:
		return &unreadError{l.id, err}
	case last[l.id] != l.x.Entries():
		l.x = nil
		return store.ErrConflict
	}
	return nil
}

// updateNamed is updateThen for clients, who name an execution by its ARN.
func updateNamed[T any](
	ctx context.Context, g *ledger, arn string, apply input[T], then func(*live, T, error),
) (T, error) {
	id, err := parseExecution(arn)
	if err != nil {
		return *new(T), err
	}
	result, err := updateThen(ctx, g, id, func(d *machine.Draft) (T, error) {
		if d.ARN() != arn {
			return *new(T), executionNotFound()
		}
		return apply(d)
	}, then)
	if errors.Is(err, store.ErrNotFound) {
		err = executionNotFound()
	}
	return result, err
}

func (g *ledger) create(d *machine.Draft) error {
	l, release := g.hold(d.Identity().ARN.ID)
	defer release()
	return g.commit(l, d)
}

// commit makes a draft durable, publishes it and tells of it. l.mu is held. If that fails, the copy in memory is
// dropped. An invocation that the draft wants begins with it, if it can.
//
// It does not end with the caller's context: a caller who gives up must not leave the outcome open.
func (g *ledger) commit(l *live, d *machine.Draft) error {
	if len(d.Records()) == 0 {
		return nil
	}
	flight := g.takeOff(l, d)
	attempted, err := g.write(l, d)
	switch {
	case flight == nil:
	case err == nil:
		flight.done(l)
	case attempted:
		flight.failed(l, err)
	default:
		flight.abort()
	}
	return err
}

// write is the part of commit that writes; attempted says that the store was asked to.
func (g *ledger) write(l *live, d *machine.Draft) (attempted bool, err error) {
	records := d.Records()
	buf := entries.Get().(*[]byte)
	defer giveEntry(buf)
	*buf = machine.AppendEntry((*buf)[:0], records)
	write := store.Write{ID: l.id, Entry: store.Entry{Seq: d.Entries() + 1, Data: *buf}}
	if d.Entries() == 0 || rowChanged(l.x, d) {
		write.Row = row(d)
		write.Row.Owner = g.fleet.owner(l, d)
	}
	g.starts.functions.starting.RLock()
	defer g.starts.functions.starting.RUnlock()
	writes, err := g.starts.complete(d, write)
	if err != nil {
		return false, err
	}
	c := change{id: l.id, records: records, writes: writes}
	if err := g.store.Commit(g.always, writes...); err != nil {
		l.x = nil
		if errors.Is(err, store.ErrConflict) {
			c.records = nil // nothing of the input took effect
		}
		g.tell(c)
		return true, err
	}
	l.x = d.Publish()
	c.x = l.x
	g.tell(c)
	return true, nil
}

// entries are buffers of *[]byte for the entries of commits, as a store does not keep them.
var entries = sync.Pool{New: func() any { return new([]byte) }}

func giveEntry(buf *[]byte) {
	const most = 1 << 20
	if cap(*buf) <= most {
		entries.Put(buf)
	}
}

// remove deletes an execution from the store. l.mu is held.
func (g *ledger) remove(l *live) error {
	l.x = nil
	err := g.store.Delete(g.ctx, l.id)
	g.tell(change{id: l.id})
	return err
}

// hold keeps an execution from changing until release.
func (g *ledger) hold(id string) (l *live, release func()) {
	l = g.cache.acquire(id)
	l.mu.Lock()
	g.cache.trust(l)
	return l, func() {
		l.mu.Unlock()
		g.cache.release(l, false)
	}
}

// view reads an execution. read must not keep what it is given.
func (g *ledger) view(ctx context.Context, arn string, read func(*live)) error {
	_, err := updateNamed(ctx, g, arn, look, func(l *live, _ none, refusal error) {
		if refusal == nil {
			read(l)
		}
	})
	return err
}

// recall is view of an execution in memory, which may be older than the stored one. It is false if it is not there.
func (g *ledger) recall(arn string, read func(*live)) bool {
	id, err := parseExecution(arn)
	if err != nil {
		return false
	}
	l, release := g.hold(id)
	defer release()
	if l.x == nil || l.x.ARN() != arn {
		return false
	}
	read(l)
	return true
}

// busy reports whether an invocation of an execution, or a call for it, is under way in this process.
func (g *ledger) busy(id string) bool {
	l, release := g.hold(id)
	defer release()
	return l.running != "" || len(l.calls) > 0
}

// glance is view for whoever does not need what operations hold. One that is not in memory is read as an outline, which
// does not stay.
func (g *ledger) glance(ctx context.Context, arn string, read func(*machine.Execution)) error {
	id, err := parseExecution(arn)
	if err != nil {
		return err
	}
	l, release := g.hold(id)
	if x := l.x; x != nil && x.ARN() == arn {
		err := g.prove(ctx, l)
		if err == nil {
			read(x)
		}
		if !errors.Is(err, store.ErrConflict) {
			release()
			return err
		}
	}
	release()
	x, err := g.replay(ctx, id, machine.LoadOutline(g.rules))
	if errors.Is(err, store.ErrNotFound) || err == nil && x.ARN() != arn {
		return executionNotFound()
	}
	if err == nil {
		read(x)
	}
	return err
}

// rowChanged reports whether the draft changes the execution's row.
func rowChanged(x *machine.Execution, d *machine.Draft) bool {
	return x.Status() != d.Status() || x.Due() != d.Due() || x.Wanted() != d.Wanted() || x.Expires() != d.Expires() ||
		x.Doing() != d.Doing() || x.Since() != d.Since() || x.Redriven() != d.Redriven()
}

func row(d *machine.Draft) *store.Row {
	arn := d.Identity().ARN
	r := &store.Row{
		ID: arn.ID, ARN: d.ARN(), Function: arn.Function, Version: arn.Version, Name: arn.Name,
		Status: d.Status(), Started: d.Started(), Closed: d.Closed(), Due: d.Due(), Wanted: d.Wanted(),
		Expires: d.Expires(), Doing: uint32(d.Doing()), Since: d.Since(), InputHash: d.InputHash(),
		Tags: d.Identity().Tags, Redriven: d.Redriven(),
	}
	if d.Status().Closed() && d.Status() != protocol.ExecutionSucceeded {
		_, err := d.Result()
		setError(r, err)
	}
	return r
}

// The store knows by this bit what is not to be released.
var _ = [1]none{}[uint32(machine.Running)-store.Invoking]

// over reports whether only its removal awaits an execution.
func over(x *machine.Execution) bool {
	return x.Status().Closed() && !x.OwesParent() && !x.OwesChildren()
}

func executionNotFound() error {
	return protocol.Errorf(protocol.CodeNotFound, "Durable Execution does not exist")
}

func parseExecution(arn string) (id string, err error) {
	a, err := protocol.ParseARN(arn)
	if err != nil {
		return "", protocol.Errorf(protocol.CodeInvalidParameter, "Invalid durable execution ARN: %s", arn)
	}
	return a.ID, nil
}

// recoverers is how many executions are recovered at one time: they share flushes of the disk.
const recoverers = 32

// recover ends the invocations that a crash lost.
func (g *ledger) recover(ctx context.Context) error {
	for after := ""; ; {
		rows, err := g.store.List(ctx, store.Query{Doing: uint32(machine.Running), After: after, Limit: 1000})
		if err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1].ID
		if err := recoverAll(rows, func(row *store.Row) error { return g.recoverOne(ctx, row.ID) }); err != nil {
			return err
		}
	}
}

// recoverAll recovers executions, some at one time. After an error it soon stops.
func recoverAll(rows []*store.Row, one func(*store.Row) error) error {
	return inParallel(rows, recoverers, one)
}

// inParallel does something with each of many, up to n at one time. After an error it soon stops.
func inParallel[T any](all []T, n int, one func(T) error) error {
	var group sync.WaitGroup
	errs := make([]error, min(n, len(all)))
	for i := range errs {
		group.Go(func() {
			for n := i; n < len(all) && errs[i] == nil; n += len(errs) {
				errs[i] = one(all[n])
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (g *ledger) recoverOne(ctx context.Context, id string) error {
	_, err := update(ctx, g, id, unrefused(func(d *machine.Draft) { d.LoseInvocation(d.InFlight()) }))
	if errors.Is(err, store.ErrNotFound) || err != nil && g.quarantine(id, err) {
		return nil // verify tells of a row without a journal
	}
	return err
}
