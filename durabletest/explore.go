package durabletest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/perdure/perdure/durable"
)

// Explore runs one execution of handler again and again, with a fault at every place where one can strike, and fails
// the test if the handler, the SDK or the engine does not hold what durable execution promises. It takes what [Drive]
// takes; act, which may be nil, is called anew for each run.
//
// # What goes wrong
//
// The process is killed before and after each record, in each step's body, before and after each [Execution.Effect],
// between invocations and when it has answered. Replies are lost after the commit, calls are refused, throttled, and
// answered with 500 or with a stale token. An invocation hangs until the function's timeout. The execution is paused
// in mid-flight. The state is paged at every boundary. Answers to callbacks and of stubbed functions come late, so in
// another order; timers fire while the function cannot hear of them, so several at once. Results of child contexts are
// not recorded, so that children are replayed. With [Upgrade] the next version takes over in the middle.
//
// Each of these happens alone, at every place where the undisturbed run came by: see [Exhaustive]. Then each three
// answers that follow each other come in every order, and at once. Then come pairs of faults and larger sets, up to a
// number that [Runs] sets, chosen at random with the seed of [Seed]. A run that gets into a state that another came to
// ends there.
//
// The same seed chooses the same, as far as the handler's code always runs in the same order. That of branches which
// run at the same time is the scheduler's: which of their records go into one checkpoint may differ, and with that the
// places.
//
// # What must hold
//
//   - The outcome is that of the undisturbed run, or one that [Equal] accepts.
//   - The body of a step that is [durable.WithAtMostOncePerRetry] runs at most once for each attempt. No body runs
//     again when its end was recorded.
//   - Each effect that the test declares with [Execution.Effect] happens exactly once; at most once if the outcome is
//     another than the undisturbed one. No two have the idempotency key of one.
//   - No step, wait or invoke is left open when the function that it stands in has ended well.
//   - No invocation fails or comes to the end of its time, unless a fault makes it, or act has set another Timeout.
//   - The service accepts each answer of the function: no PENDING when nothing is pending. It refuses checkpoints of an
//     invocation that has ended, and there is one invocation at a time.
//   - A log line is written once, or once more for each invocation that was cut off.
//   - No goroutine is left at the end.
//   - act finds what it waits for.
//
// The handler and act start each run afresh: what fakes remember from one run to the next, act has to reset. Faults add
// time, of pauses before the next invocation and of hanging: a handler whose outcome depends on time needs [Equal].
//
// A failure is reported with the smallest set of faults that leads to it, what happened in what order, and a test that
// repeats it, with [Schedule]. The result is that of the undisturbed run.
//
// A run in which nothing moves for ten seconds of real time fails the test, too.
func Explore[In, Out any](t *testing.T, handler func(durable.Context, In) (Out, error), event any,
	act func(t *testing.T, x *Execution), opts ...ExploreOption) *Explored[Out] {
	t.Helper()
	if handler == nil {
		t.Fatal("durabletest: the handler is nil; give the function that main gives to durable.Start")
	}
	cfg := exploreConfig{runs: -1, seed: defaultSeed}
	for i, o := range opts {
		if o == nil {
			t.Fatalf("durabletest: option %d of Explore is nil", i+1)
		}
		if err := o(&cfg); err != nil {
			t.Fatalf("durabletest: %v", err)
		}
	}
	if act == nil {
		act = func(*testing.T, *Execution) {}
	}
	if c := cloudOf(t, cfg.handler); c != nil {
		(&Execution{t: t, cloud: c}).inMemory("Explore")
	}
	e := &exploration{t: t, cfg: &cfg, act: act, event: encodeEvent[In](t, event), seen: map[uint64]bool{},
		at: callerOf(1), handler: funcName(handler)}
	var err error
	if e.prepare, err = preparation(handler, &cfg); err != nil {
		t.Fatalf("durabletest: %v", err)
	}
	if e.same, err = comparison[Out](t, &cfg); err != nil {
		t.Fatalf("durabletest: %v", err)
	}
	e.explore()
	if e.failure != nil {
		t.Fatal(e.report())
	}
	t.Logf("durabletest: %d runs, %d of which ended where another went on; seed %d", e.runs, e.merges, cfg.seed)
	if e.left > 0 {
		t.Logf("durabletest: %d single faults were left out, as the execution is large; durabletest.Exhaustive() "+
			"tries all", e.left)
	}
	return &Explored[Out]{Runs: e.runs, Merged: e.merges, Left: e.left,
		Undisturbed: newResult[Out](t, e.undisturbed.outcome)}
}

// Explored is what [Explore] did.
type Explored[Out any] struct {
	Undisturbed *Result[Out]
	Runs        int // with faults
	Merged      int // of them: those that ended early, in a state to which another had come
	Left        int // single faults that were not tried: see [Exhaustive]
}

// ExploreOption is an option of [Explore].
type ExploreOption func(*exploreConfig) error

type exploreConfig struct {
	runs     int
	all      bool // single faults, however many
	seed     uint64
	equal    any // func(undisturbed, disturbed *Result[Out]) bool
	upgrade  any // func(durable.Context, In) (Out, error)
	schedule schedule
	handler  []durable.HandlerOption
}

const (
	defaultRuns = 500
	defaultSeed = 1
)

// Runs bounds the runs of Explore with more than one fault chosen at random; the default is 500, and less for an
// execution with hundreds of operations.
func Runs(n int) ExploreOption {
	return func(c *exploreConfig) error {
		if n < 0 {
			return fmt.Errorf("%d runs are impossible; 0 explores single faults only", n)
		}
		c.runs = n
		return nil
	}
}

// Exhaustive makes Explore try all single faults. By default it leaves some out of an execution that has hundreds of
// operations, says how many, and tries of each sort as many, from its begin to its end.
func Exhaustive() ExploreOption {
	return func(c *exploreConfig) error {
		c.all = true
		return nil
	}
}

// Seed changes which sets of faults Explore chooses. The same seed chooses the same.
func Seed(n uint64) ExploreOption {
	return func(c *exploreConfig) error {
		c.seed = n
		return nil
	}
}

// Equal decides which outcomes of a disturbed run are right. By default that is the outcome of the undisturbed run: the
// same status, and the same result or the same type of error. A handler whose result has something random in it, or
// that is right to fail if a step is interrupted, needs this.
func Equal[Out any](equal func(undisturbed, disturbed *Result[Out]) bool) ExploreOption {
	return func(c *exploreConfig) error {
		if equal == nil {
			return fmt.Errorf("the function of Equal is nil")
		}
		c.equal = equal
		return nil
	}
}

// Upgrade makes Explore switch, at every place where it kills the function, to the next version of the handler. It
// tells whether executions that began with this code can end with that.
func Upgrade[In, Out any](next func(durable.Context, In) (Out, error)) ExploreOption {
	return func(c *exploreConfig) error {
		if next == nil {
			return fmt.Errorf("the handler of Upgrade is nil")
		}
		c.upgrade = next
		return nil
	}
}

// Schedule makes Explore do one run only, with the faults that it printed: a line for each. It fails the test if the
// run does not come to one of the places.
func Schedule(faults string) ExploreOption {
	return func(c *exploreConfig) (err error) {
		c.schedule, err = parseSchedule(faults)
		return err
	}
}

// With adds options of the handler: those of [durable.Start].
func With(opts ...durable.HandlerOption) ExploreOption {
	return func(c *exploreConfig) error {
		if slices.Contains(opts, nil) {
			return fmt.Errorf("a handler option is nil")
		}
		c.handler = append(c.handler, opts...)
		return nil
	}
}

// preparation makes executions of the handler.
func preparation[In, Out any](handler func(durable.Context, In) (Out, error),
	cfg *exploreConfig) (func(*Execution), error) {
	next, ok := cfg.upgrade.(func(durable.Context, In) (Out, error))
	if cfg.upgrade != nil && !ok {
		return nil, fmt.Errorf("the next version is a %T, and the handler is a %T", cfg.upgrade, handler)
	}
	return func(x *Execution) {
		x.invoke = durable.NewHandler(handler, x.options(cfg.handler)...).Invoke
		if next != nil {
			x.next = durable.NewHandler(next, x.options(cfg.handler)...).Invoke
		}
	}, nil
}

// comparison says whether a disturbed outcome is right.
func comparison[Out any](t *testing.T, cfg *exploreConfig) (func(undisturbed, disturbed *outcome) bool, error) {
	equal, ok := cfg.equal.(func(undisturbed, disturbed *Result[Out]) bool)
	switch {
	case cfg.equal == nil:
		return (*outcome).sameAs, nil
	case !ok:
		return nil, fmt.Errorf("the function of Equal is a %T, and has to be a %T", cfg.equal, equal)
	}
	return func(undisturbed, disturbed *outcome) bool {
		return equal(newResult[Out](t, undisturbed), newResult[Out](t, disturbed))
	}, nil
}

// exploration is one call of Explore.
type exploration struct {
	t       *testing.T
	cfg     *exploreConfig
	act     func(*testing.T, *Execution)
	event   []byte
	prepare func(*Execution)
	same    func(undisturbed, disturbed *outcome) bool
	at      site
	handler string

	undisturbed *played
	seen        map[uint64]bool // fingerprints of states that runs went on from
	runs        int
	merges      int
	left        int // single faults left out
	failure     *played
	doubtful    *played // the first failure that did not come again
	doubts      int
}

// maxIdle is how much real time a run may take. Those of working code take a millisecond.
var maxIdle = 10 * time.Second

// explore runs until everything is explored, or something fails.
func (e *exploration) explore() {
	if e.cfg.schedule != nil {
		e.begin()
		if e.failure == nil {
			e.only()
		}
		return
	}
	if e.begin(); e.failure != nil {
		return
	}
	starts := e.singles()
	for _, s := range e.undisturbed.orders() {
		if e.failure == nil {
			e.try(s)
		}
	}
	if e.failure == nil {
		e.more(starts)
	}
	if e.failure == nil {
		e.failure = e.doubtful
	}
}

// begin makes the undisturbed run, twice: a handler that does not do the same in both is beyond exploring.
func (e *exploration) begin() {
	first := e.play(nil)
	e.undisturbed = first
	e.judge(first)
	if o := first.outcome; o != nil && o.isMistake() && e.cfg.equal == nil {
		first.blames = append(first.blames, fmt.Sprintf("the execution %s; if that is meant, say so with "+
			"durabletest.Equal", o))
	}
	if e.failure = e.failed(first); e.failure != nil {
		return
	}
	second := e.play(nil)
	if e.failure = e.failed(second); e.failure != nil {
		return
	}
	const unlike = "The handler is not deterministic outside of steps, or act keeps something from one run to the next"
	if !e.same(first.outcome, second.outcome) {
		second.blames = append(second.blames, fmt.Sprintf("two undisturbed runs had different outcomes: %s, and %s.\n"+
			unlike+"; if the difference is meant, as with random numbers from a step, say with durabletest.Equal what "+
			"is to be the same", first.outcome, second.outcome))
	} else if a, b := first.shape(), second.shape(); a != b {
		second.blames = append(second.blames, "two undisturbed runs recorded different operations.\n"+unlike+":\n"+
			string(diff.Diff("one run", []byte(a), "the other", []byte(b))))
	}
	e.failure = e.failed(second)
}

// only makes the run that the test asks for.
func (e *exploration) only() {
	p := e.play(e.cfg.schedule)
	e.runs++
	p.run = e.runs
	e.judge(p)
	if len(p.blames) == 0 && len(p.unreached) > 0 {
		p.blames = append(p.blames, fmt.Sprintf("the run did not come to where this was to happen: %s", p.unreached))
	}
	e.failure = e.failed(p)
}

// try makes a run, and finds the smallest that fails if it does. One that fails each time is worth more than one that
// the scheduler has a hand in: for that the exploration goes on for a while.
func (e *exploration) try(s schedule) *played {
	p := e.play(s)
	e.runs++
	if p.merged {
		e.merges++
	}
	e.judge(p)
	if e.failed(p) != nil {
		smallest := e.shrink(p)
		smallest.run = e.runs
		switch e.repeat(smallest); {
		case smallest.repeats == smallest.repeated || e.doubts == maxDoubts:
			e.failure = smallest
		case e.doubtful == nil:
			e.doubtful = smallest
		}
		e.doubts++
	}
	return p
}

// shrink leaves out faults as long as the run still fails.
func (e *exploration) shrink(p *played) *played {
	for i := 0; i < len(p.schedule) && len(p.schedule) > 1; {
		fewer := slices.Delete(slices.Clone(p.schedule), i, i+1)
		smaller := e.replay(fewer)
		if e.failed(smaller) != nil {
			p, i = smaller, 0
			continue
		}
		i++
	}
	return p
}

// A failed run is made again so often, and so many that fail only sometimes are not believed.
const (
	repetitions = 4
	maxDoubts   = 20
)

// repeat finds out how often a run fails. One that hangs, or whose code fails the test, cannot be made again.
func (e *exploration) repeat(p *played) {
	for p.hung == "" && !e.t.Failed() && p.repeated < repetitions {
		if p.repeated++; e.failed(e.replay(p.schedule)) != nil {
			p.repeats++
		}
	}
}

// replay makes a run to its end, whatever states were seen.
func (e *exploration) replay(s schedule) *played {
	seen := e.seen
	e.seen = map[uint64]bool{}
	defer func() { e.seen = seen }()
	p := e.play(s)
	e.judge(p)
	return p
}

// failed is p if it failed.
func (e *exploration) failed(p *played) *played {
	if len(p.blames) > 0 {
		return p
	}
	return nil
}
