package engine

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/transfer"
	"github.com/perdure/perdure/protocol"
)

// Options configure an engine. The zero value, like nil, is the default.
type Options struct {
	// Region and Account go into ARNs. Defaults: us-east-1 and 000000000000.
	Region  string
	Account string
	// Logger receives what operators should know; the default discards it.
	Logger *slog.Logger
	// Strict applies the limits that only AWS needs. An execution that uses more than 3,000 operations or 100 MB
	// fails. The result of one that was started asynchronously has at most 1 MB. Chained invokes of durable functions
	// name a version or alias. A function that isolates no tenants takes none. A function's timeout is at most 900 s.
	Strict bool
	// Crashes is when an execution is given up whose invocations fail, for functions that do not say it themselves. The
	// zero value repeats invocations until the execution times out, as AWS says that it does.
	Crashes CrashLimit
	// Tracer hears of executions and invocations as they end; nil is nobody. With a tracer, the trace header that
	// functions get puts what they export below their execution.
	Tracer Tracer
	// Telemetry delivers a record of each execution that ends; nil is none.
	Telemetry *Telemetry
	// VirtualTime says that the engine runs in a bubble of testing/synctest: nobody sets its clock.
	VirtualTime bool
	// Entropy gives the random bits of executions' ids; nil is the system's. In virtual time, one that always gives
	// the same makes every run of a test name its executions alike.
	Entropy io.Reader
	// Cache is how many bytes of memory open executions may take to which nothing happens at the moment; the default
	// is 64 MB. One that left memory is read again when something happens to it.
	Cache int
	// Node counts if other engines use the store, too.
	Node NodeOptions
}

func (o *Options) setDefaults() {
	o.Region = cmp.Or(o.Region, "us-east-1")
	o.Account = cmp.Or(o.Account, "000000000000")
	o.Cache = cmp.Or(o.Cache, 64<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func (o *Options) rules() *machine.Rules {
	rules := &machine.Rules{}
	if o.Strict {
		rules.MaxOperations, rules.MaxStoredBytes = protocol.MaxOperations, protocol.MaxStoredBytes
		rules.MaxAsyncResult = protocol.MaxPayload
	}
	return rules
}

// check refuses what would make ARNs that nobody can read back.
func (o *Options) check() error {
	arn := home{o.Region, o.Account}.functionARN("f", "1")
	arn.Name, arn.ID = "n", "i"
	if _, err := protocol.ParseARN(arn.String()); err != nil {
		return fmt.Errorf("opening the engine: region %q and account %q make no ARN; an account is 12 digits",
			o.Region, o.Account)
	}
	return nil
}

// Engine runs durable executions. All methods may be called concurrently.
//
// It is its parts, put together. What happens to an execution goes one way: through the ledger, which tells the plans
// and others, and from the plans to those who do the work, whose inputs go through the ledger again.
type Engine struct {
	life      *life
	functions *Functions
	seals     seals
	starts    *starter
	ledger    *ledger
	news      *bulletin
	counters  *counters
	figures   *Figures
	plans     *plans
	logs      *logbook
	flights   *flights
	runner    *runner
	telemetry *reporter // nil without telemetry
	fleet     *membership
	claimer   *claimer // nil if the engine is alone
	jobs      *Jobs
	probe     probe
	counts    sharedAnswers[*Counts]
	open      sharedAnswers[[]OpenCount]
}

// Open starts an engine on a store, which it does not close. It refuses one whose executions were moved elsewhere, or
// have not all arrived. Invocations that an earlier engine left in flight are
// recorded as lost, and run again once their function is registered.
func Open(ctx context.Context, st Store, options *Options) (*Engine, error) {
	var opts Options
	if options != nil {
		opts = *options
	}
	opts.setDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	if err := transfer.Check(ctx, st); err != nil {
		return nil, fmt.Errorf("opening the engine: %w", err)
	}
	seals, err := openSeals(ctx, st)
	if err != nil {
		return nil, fmt.Errorf("opening the engine: %w", err)
	}
	e := assemble(st, seals, &opts)
	if err := e.begin(ctx, &opts); err != nil {
		e.life.cancel()
		return nil, err
	}
	return e, nil
}

// assemble makes the parts of an engine. Nothing happens yet.
func assemble(st store.Store, seals seals, opts *Options) *Engine {
	life, rules := newLife(opts.Logger), opts.rules()
	functions := newFunctions(life, st, home{opts.Region, opts.Account}, opts.Strict)
	starts := &starter{life: life, functions: functions, rules: rules, ids: mint{entropy: opts.Entropy}}
	ledger := newLedger(life, st, starts, opts.Cache)
	e := &Engine{
		life: life, functions: functions, seals: seals, starts: starts, ledger: ledger,
		news:     &bulletin{life: life, came: make(chan struct{}, 1), channels: map[topic]*bulletinChannel{}},
		counters: newCounters(), plans: newPlans(life, st),
		logs: newLogbook(st, life.log), flights: newFlights(life),
	}
	e.fleet = newMembership(life, st, e.plans, opts.Node)
	e.fleet.ledger, e.fleet.news, e.fleet.functions = ledger, e.news, functions
	if opts.Telemetry != nil {
		e.fleet.telemetry = telemetryKey + "/" + uuid.NewString()
	}
	e.figures = &Figures{
		life: life, functions: functions, queues: &e.plans.queues, tallies: map[qualified]*tally{},
	}
	docs := &functions.documents
	docs.life, docs.store, docs.fleet, docs.functions = life, st, e.fleet, functions
	e.plans.fleet, ledger.fleet, starts.fleet, functions.fleet = e.fleet, e.fleet, e.fleet, e.fleet
	e.runner = &runner{
		life: life, ledger: ledger, plans: e.plans, functions: functions, flights: e.flights, logs: e.logs,
		counters: e.counters, figures: e.figures, tracing: &tracing{opts.Tracer, opts.Strict}, seals: seals,
		serving: e.fleet.serving, lapsed: e.fleet.lapsed, crashes: opts.Crashes,
	}
	e.counts.least = time.Second
	e.jobs = &Jobs{life: life, store: st, engine: e}
	e.jobs.foreman = &foreman{
		life: life, jobs: e.jobs, fleet: e.fleet, wake: make(chan struct{}, 1), began: time.Now(),
		working: map[string]context.CancelFunc{},
	}
	if !e.fleet.alone() {
		e.claimer = &claimer{
			life: life, fleet: e.fleet, plans: e.plans, functions: functions, flights: e.flights, ledger: ledger,
		}
	}
	return e
}

// begin subscribes all who hear of changes, takes up what an earlier engine left, and sets the engine to work.
func (e *Engine) begin(ctx context.Context, opts *Options) (err error) {
	dispatcher := &dispatcher{
		life: e.life, plans: e.plans, functions: e.functions, flights: e.flights, runner: e.runner,
	}
	e.functions.tend, e.ledger.takeOff = dispatcher.tend, dispatcher.takeOff
	if err := e.functions.documents.load(ctx); err != nil {
		return fmt.Errorf("reading versions and aliases: %w", err)
	}
	if !e.fleet.alone() { // from here on the database's clock counts
		if err := e.fleet.beat(ctx); err != nil {
			return fmt.Errorf("joining the fleet: %w", err)
		}
		// Who deletes a version waits for the nodes that there are, and this has been none before.
		if err := e.functions.documents.fresh(ctx); err != nil {
			return fmt.Errorf("reading versions and aliases: %w", err)
		}
	}
	if e.telemetry, err = openReporter(ctx, e.ledger, opts.Telemetry); err != nil {
		return fmt.Errorf("opening telemetry: %w", err)
	}
	e.ledger.subscribe(e.counters.heard, e.figures.heard, e.runner.tracing.heard)
	if e.telemetry != nil {
		e.ledger.subscribe(e.telemetry.heard)
	}
	e.ledger.subscribe(e.news.heard, e.plans.heard, e.functions.heard, e.fleet.heard)
	if e.fleet.alone() {
		if err := e.ledger.recover(ctx); err != nil {
			return fmt.Errorf("recovering executions: %w", err)
		}
	}
	e.work(opts)
	return nil
}

// work starts what runs in the background until the engine closes.
func (e *Engine) work(opts *Options) {
	e.life.clock.step()
	if !e.fleet.alone() {
		e.life.work.Go(e.fleet.run)
		e.life.work.Go(e.claimer.run)
		e.life.work.Go(e.fleet.hints.send)
		e.life.work.Go(e.fleet.hints.hear)
		e.life.work.Go(func() { e.news.follow(e.fleet) })
	}
	moments := &e.plans.moments
	lanes := &lanes{
		life: e.life, plans: e.plans, ledger: e.ledger, couriers: newCouriers(e.ledger, moments),
		cascades: newCascades(e.ledger, moments),
		late:     e.counters.late, again: map[string]bool{},
	}
	removals := &remover{life: e.life, fleet: e.fleet, plans: e.plans, ledger: e.ledger}
	e.life.work.Go(func() { lanes.run(moments.soon, seatsSoon) })
	e.life.work.Go(func() { lanes.run(moments.past, seatsPast) })
	e.life.work.Go(removals.run)
	e.life.work.Go(e.jobs.foreman.run)
	if !opts.VirtualTime && e.fleet.alone() {
		e.life.work.Go(e.plans.watchClock)
	}
	e.life.work.Go(func() { e.logs.run(e.life.ctx) })
	if e.telemetry != nil {
		e.life.work.Go(e.telemetry.run)
	}
}

// Functions are the functions that the engine knows.
func (e *Engine) Functions() *Functions { return e.functions }

// Jobs are the actions on many executions that the engine does in the background.
func (e *Engine) Jobs() *Jobs { return e.jobs }

// Close begins no more work, cancels the invocations under way, and records them as lost, so that the next engine
// repeats them at once. It waits for all that. If ctx ends first, Close returns its error, and the store must not be
// closed yet.
func (e *Engine) Close(ctx context.Context) error {
	e.life.cancel()
	e.flights.count(0) // from here on none begins, and the work has all that did
	done := make(chan struct{})
	go func() {
		e.life.work.Wait()
		e.logs.flush("")
		if e.telemetry != nil {
			e.telemetry.finish()
		}
		e.fleet.leave()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for invocations to end: %w", ctx.Err())
	}
}

// contract is what an engine needs of a store. It is hidden, because it changes with the engine.
type contract interface{ store.Store }

// Store keeps the executions of an engine: one of package sqlitestore or memstore. One engine uses it at a time, and
// does not close it.
type Store interface {
	contract
	// Close ends the store's work in the background and releases its files. The engine must be closed before.
	Close() error
}

// contractOfReads is hidden as contract is.
type contractOfReads interface{ store.Reader }

// StoreReader is what only reads of a [Store], or of one moment of it.
type StoreReader interface{ contractOfReads }
