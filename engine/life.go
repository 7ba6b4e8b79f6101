package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// life is what every part of an engine has: its log, its clock and its end.
type life struct {
	log    *slog.Logger
	clock  wallClock
	ctx    context.Context // done when the engine closes
	cancel context.CancelFunc
	work   sync.WaitGroup // goroutines that must end before the store may close

	mu      sync.Mutex
	damaged map[string]bool // executions that were logged as such, so that each is once
}

const maxDamaged = 1000

func newLife(log *slog.Logger) *life {
	l := &life{log: log, damaged: map[string]bool{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *life) now() protocol.Timestamp {
	if a := l.clock.anchor.Load(); a != nil {
		return a.now()
	}
	return protocol.TimestampOf(time.Now().Add(time.Duration(l.clock.shift.Load())))
}

func (l *life) closing() bool { return l.ctx.Err() != nil }

// retryDelay is the pause before the store is asked again after it failed.
const retryDelay = time.Second

// persist pauses before what failed with err is tried again. It is false if there is no point: see hopeless.
func (l *life) persist(id, what string, err error) bool {
	if l.hopeless(id, err) {
		return false
	}
	l.log.Error(what+"; trying again", "execution", id, "error", err)
	pause(l.ctx, retryDelay, nil)
	return !l.closing()
}

// hopeless reports whether trying again cannot help: the execution is gone or damaged, or the engine closes.
func (l *life) hopeless(id string, err error) bool {
	return l.closing() || errors.Is(err, store.ErrNotFound) || l.quarantine(id, err)
}

// quarantine reports whether err says that an execution's journal cannot be understood. Such an execution is left
// alone, so that it does not stop the engine.
func (l *life) quarantine(id string, err error) bool {
	if _, damaged := errors.AsType[*damagedError](err); !damaged {
		return false
	}
	l.mu.Lock()
	known := l.damaged[id]
	if len(l.damaged) < maxDamaged {
		l.damaged[id] = true
	}
	l.mu.Unlock()
	if !known {
		l.log.Error("an execution's journal cannot be understood; it is left alone", "execution", id, "error", err)
	}
	return true
}

// nudge ends a pause on c, the current one or else the next. c has room for one.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause returns when d is over, somebody nudges, or ctx ends.
func pause(ctx context.Context, d time.Duration, nudge <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-nudge:
	case <-ctx.Done():
	}
}

// Waits and retentions end at moments of the wall clock, which somebody may set, and which is ahead after the machine
// slept. Timers of the process do not notice. So every second the engine compares the wall clock with one that nobody
// can set; after a step it looks at all agendas.
const (
	checkClockEvery = time.Second
	smallStep       = 5 * time.Millisecond // less is drift
	jump            = 2 * time.Second      // more is logged, and stops removals for a while
)

// wallClock is the wall clock as the engine sees it.
type wallClock struct {
	anchor atomic.Pointer[anchor] // a database's clock, which takes this one's place; nil if there is none
	shift  atomic.Int64           // by how much a test has set it
	mu     sync.Mutex
	wall   time.Time // the last look, at both clocks
	mono   time.Time
}

// step returns by how much the wall clock was set since the last look.
func (c *wallClock) step() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	mono := time.Now()
	wall := mono.Round(0).Add(time.Duration(c.shift.Load())) // without the other clock's reading
	var step time.Duration
	if !c.mono.IsZero() {
		step = wall.Sub(c.wall) - mono.Sub(c.mono)
	}
	c.wall, c.mono = wall, mono
	return step
}

// anchor is a moment of another machine's clock. From it time goes on by a clock that nobody can set.
type anchor struct {
	theirs protocol.Timestamp
	ours   time.Time
}

func (a *anchor) now() protocol.Timestamp { return a.theirs.Add(time.Since(a.ours)) }

// follow takes over the clock of a machine that told the moment theirs between asked and now. It returns by how much
// that clock was set since the last time.
func (c *wallClock) follow(theirs protocol.Timestamp, asked time.Time) (step time.Duration) {
	took := time.Since(asked)
	next := &anchor{theirs.Add(-took / 2), asked}
	if old := c.anchor.Load(); old != nil {
		step = next.now().Sub(old.now())
		if step.Abs() <= took/2+time.Millisecond { // nobody can tell
			return 0
		}
	}
	c.anchor.Store(next)
	return step
}

// flights are the invocations and calls under way. None begins once they land.
type flights struct {
	work    *sync.WaitGroup // has an element for each
	landing context.Context // done when no more may begin
	land    context.CancelFunc

	mu     sync.Mutex
	n      int
	landed chan struct{} // closed, by over, when they land and none is left
	over   func()
}

func newFlights(l *life) *flights {
	f := &flights{work: &l.work, landed: make(chan struct{})}
	f.landing, f.land = context.WithCancel(l.ctx)
	f.over = sync.OnceFunc(func() { close(f.landed) })
	context.AfterFunc(f.landing, func() { f.count(0) })
	return f
}

// begin reports whether another invocation may begin; then end must follow.
func (f *flights) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landing.Err() != nil {
		return false
	}
	f.n++
	f.work.Add(1)
	return true
}

func (f *flights) end() {
	f.count(-1)
	f.work.Done()
}

// count adds n, and returns how many are under way.
func (f *flights) count(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n += n; f.n == 0 && f.landing.Err() != nil {
		f.over()
	}
	return f.n
}

// Drain prepares an engine for its end: no invocation or call begins any more; the next engine begins them. Drain
// returns when those under way have ended and their ends are recorded, or when ctx is done, and says how many are left.
// [Engine.Close] breaks these off, and the next engine repeats them. Everything else is answered as before.
//
// A node of a fleet hands over what it does not invoke.
func (e *Engine) Drain(ctx context.Context) int {
	e.flights.land()
	if e.claimer != nil {
		e.claimer.drain()
	}
	select {
	case <-e.flights.landed:
	case <-ctx.Done():
	}
	return e.flights.count(0)
}

// Running is how many invocations and calls are under way.
func (e *Engine) Running() int { return e.flights.count(0) }
