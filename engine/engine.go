package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Options configure an engine. The zero value, like nil, is the default.
type Options struct {
	// Region and Account go into ARNs. Defaults: us-east-1 and 000000000000.
	Region  string
	Account string
	// Logger receives what operators should know; the default discards it.
	Logger *slog.Logger
	// Strict applies the limits that only AWS needs. An execution that uses
	// more than 3,000 operations or 100 MB fails; the result of one that was
	// started asynchronously has at most 1 MB; chained invokes of durable
	// functions are by version or alias; a function that isolates no tenants
	// takes none; a function's timeout is at most 900 s.
	Strict bool
	// MaxFailures is the number of failed invocations in a row after which an
	// execution fails; 0 retries until the execution times out, as AWS does.
	MaxFailures int
	// Tracer hears of executions and invocations as they end; nil is nobody.
	// With one, functions are told a trace header that lets what they export
	// lie below their execution.
	Tracer Tracer
	// Telemetry has a record of each execution that ends delivered; nil is none.
	Telemetry *Telemetry
	// VirtualTime says that the engine runs in a bubble of testing/synctest,
	// whose clock nobody can set, so that it need not watch the clock.
	VirtualTime bool
	// Cache is how many bytes of memory executions may take that are open and
	// that nothing happens to at the moment; the default is 64 MB. Those that
	// leave memory are read again when something happens to them.
	Cache int
}

// check refuses what would make ARNs that nobody can read back.
func (o *Options) check() error {
	arn := protocol.ARN{Partition: "aws", Region: o.Region, Account: o.Account, Function: "f", Version: "1", Name: "n", ID: "i"}
	if _, err := protocol.ParseARN(arn.String()); err != nil {
		return fmt.Errorf("opening the engine: region %q and account %q make no ARN; an account is 12 digits", o.Region, o.Account)
	}
	return nil
}

func (o *Options) logger() *slog.Logger {
	if o.Logger != nil {
		return o.Logger
	}
	return slog.New(slog.DiscardHandler)
}

// Engine runs durable executions. All methods may be called concurrently.
type Engine struct {
	opts   Options
	log    *slog.Logger
	store  store.Store
	rules  *machine.Rules
	secret []byte // signs tokens and callback ids
	ids    clock  // mints ids of executions
	clock  wallClock

	ctx    context.Context // done when the engine closes
	cancel context.CancelFunc
	work   sync.WaitGroup // goroutines that must end before the store may close

	counters  counters
	probe     probe
	functions registry
	cache     cache
	schedule  schedule
	queues    queues
	flights   flights
	removals  removals
	couriers  couriers
	news      bulletin
	logs      logbook
	telemetry *reporter // nil without telemetry
}

// Open starts an engine on a store, which it does not close. Invocations that
// an earlier engine left in flight are recorded as lost and run again once
// their function is registered.
func Open(ctx context.Context, st Store, opts *Options) (*Engine, error) {
	e := &Engine{store: st}
	if opts != nil {
		e.opts = *opts
	}
	e.opts.Region = cmp.Or(e.opts.Region, "us-east-1")
	e.opts.Account = cmp.Or(e.opts.Account, "000000000000")
	if err := e.opts.check(); err != nil {
		return nil, err
	}
	e.log = e.opts.logger()
	e.rules = &machine.Rules{MaxFailures: e.opts.MaxFailures}
	if e.opts.Strict {
		e.rules.MaxOperations, e.rules.MaxStoredBytes = protocol.MaxOperations, protocol.MaxStoredBytes
		e.rules.MaxAsyncResult = protocol.MaxPayload
	}
	e.counters.init()
	e.functions.init(e.tend)
	e.cache.init(cmp.Or(e.opts.Cache, 64<<20))
	e.schedule.init(e.now())
	e.queues.init()
	e.removals.init()
	e.couriers.init()
	e.logs.init(st, e.log)
	e.news.init()

	fresh := make([]byte, 32)
	rand.Read(fresh)
	secret, err := st.EnsureDocument(ctx, "secret", "token-key", fresh)
	if err != nil {
		return nil, fmt.Errorf("opening the engine: %w", err)
	}
	e.secret = secret
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.flights.init(e.ctx)
	if err := e.loadFunctions(ctx); err != nil {
		e.cancel()
		return nil, fmt.Errorf("reading versions and aliases: %w", err)
	}
	if err := e.openTelemetry(ctx); err != nil {
		e.cancel()
		return nil, fmt.Errorf("opening telemetry: %w", err)
	}
	if err := e.recover(ctx); err != nil {
		e.cancel()
		return nil, fmt.Errorf("recovering executions: %w", err)
	}
	e.clock.step()
	e.work.Go(func() { e.runLane(e.schedule.soon, seatsSoon) })
	e.work.Go(func() { e.runLane(e.schedule.past, seatsPast) })
	e.work.Go(e.runRemovals)
	if !e.opts.VirtualTime {
		e.work.Go(e.watchClock)
	}
	e.work.Go(func() { e.logs.run(e.ctx) })
	if e.telemetry != nil {
		e.work.Go(e.runTelemetry)
	}
	return e, nil
}

// Close stops starting work, cancels the invocations under way, records them
// as lost so that the next engine repeats them at once, and waits for all that.
// When ctx ends first, Close returns its error, and the store must not be
// closed yet.
func (e *Engine) Close(ctx context.Context) error {
	e.cancel()
	done := make(chan struct{})
	go func() {
		e.work.Wait()
		e.logs.flush("")
		e.finishTelemetry()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for invocations to end: %w", ctx.Err())
	}
}

// recoverers bounds the executions that are recovered at one time.
const recoverers = 32

// recover ends the invocations that a crash lost.
func (e *Engine) recover(ctx context.Context) error {
	for after := ""; ; {
		rows, err := e.store.List(ctx, store.Query{Doing: uint32(machine.Running), After: after, Limit: 1000})
		if err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1].ID
		var group sync.WaitGroup // so that they share a flush of the disk
		errs := make([]error, recoverers)
		for i := range recoverers {
			group.Go(func() {
				for n := i; n < len(rows) && errs[i] == nil; n += recoverers {
					errs[i] = e.recoverOne(ctx, rows[n].ID)
				}
			})
		}
		if group.Wait(); errors.Join(errs...) != nil {
			return errors.Join(errs...)
		}
	}
}

func (e *Engine) recoverOne(ctx context.Context, id string) error {
	err := e.update(ctx, id, func(d *machine.Draft) error {
		d.LoseInvocation()
		return nil
	})
	if errors.Is(err, store.ErrNotFound) || err != nil && e.quarantine(id, err) {
		return nil // a row without a journal is for verify to tell
	}
	return err
}

// quarantine reports whether err says that one execution's data cannot be
// understood. That must not stop the engine: the execution is left alone.
func (e *Engine) quarantine(id string, err error) bool {
	var damaged *damagedError
	if !errors.As(err, &damaged) {
		return false
	}
	e.log.Error("an execution's journal cannot be understood; it is left alone", "execution", id, "error", err)
	return true
}
