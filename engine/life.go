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
}

func newLife(log *slog.Logger) *life {
	l := &life{log: log}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// now is the moment at which an input is applied.
func (l *life) now() protocol.Timestamp {
	return protocol.TimestampOf(time.Now().Add(time.Duration(l.clock.shift.Load())))
}

// closing reports whether the engine closes.
func (l *life) closing() bool { return l.ctx.Err() != nil }

// retryDelay is the pause before the store is asked again after it failed.
const retryDelay = time.Second

// persist pauses, and reports whether to try again what failed with err. It is
// false if the execution is gone or damaged, or the engine closes.
func (l *life) persist(id, what string, err error) bool {
	if l.hopeless(id, err) {
		return false
	}
	l.log.Error(what+"; trying again", "execution", id, "error", err)
	pause(l.ctx, retryDelay, nil)
	return !l.closing()
}

// hopeless reports whether it makes no sense to try again what failed with err.
func (l *life) hopeless(id string, err error) bool {
	return l.closing() || errors.Is(err, store.ErrNotFound) || l.quarantine(id, err)
}

// quarantine reports whether err says that one execution's data cannot be
// understood. That must not stop the engine: the execution is left alone.
func (l *life) quarantine(id string, err error) bool {
	if _, damaged := errors.AsType[*damagedError](err); !damaged {
		return false
	}
	l.log.Error("an execution's journal cannot be understood; it is left alone", "execution", id, "error", err)
	return true
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

// Waits and retentions end at moments of the wall clock, which somebody may set
// while the engine runs; a machine that slept finds it ahead, too. Timers of the
// process do not notice. So the engine compares the wall clock with one that
// nobody can set, every second, and looks at once for what has become due.
const (
	checkClockEvery = time.Second
	smallStep       = 5 * time.Millisecond // what is less is drift
	jump            = 2 * time.Second      // what is more is told, and keeps removals from going on
)

// wallClock is the wall clock as the engine sees it.
type wallClock struct {
	shift atomic.Int64 // by how much a test has set it
	mu    sync.Mutex
	wall  time.Time // the last look, at both clocks
	mono  time.Time
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
