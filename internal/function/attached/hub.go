// Package attached runs functions on other machines: workers there attach to the engine, take invocations and bring
// back their outcomes.
//
// A [Hub] knows the functions that are declared to run so; [Hub.Function] makes the [engine.Invoker] of each. The
// Hub's other methods are a worker's side. Package adminapi carries them to workers, and package sandbox runs the
// function on the worker's machine, as on the engine's own.
//
// # The life of a worker
//
//	Join              it names a function, and gets an id
//	Next              it takes an invocation; as many at one time as it likes
//	Finish            it brings back an outcome
//	Beat              every few seconds it names its invocations, and hears which were cancelled
//	Leave             it takes nothing more
//
// A worker that is silent for a while is lost, and so are its invocations: they failed, and the engine repeats
// them. A worker that comes back must join again, and outcomes of lost invocations are refused. An invocation that
// a worker was handed and does not know of never began.
//
// An invocation for which no worker is free waits. While a function has no worker at all, its executions wait
// without a trace; see [engine.Awaiter].
package attached

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

const (
	// BeatEvery is the interval at which a worker should beat.
	BeatEvery = 5 * time.Second
	// lostAfter is the silence after which a worker is lost.
	lostAfter = 4 * BeatEvery
	// answerGrace is how long after its deadline an invocation's outcome may arrive.
	answerGrace = 5 * time.Second
)

// ErrUnknown says that there is no such worker, or no such function to attach
// to. A worker that gets it joins again.
var ErrUnknown = errors.New("there is no such worker: it has not joined, or was lost")

// Hub holds the functions that workers attach to. The zero value is ready to
// use. Its methods may be called concurrently.
type Hub struct {
	mu        sync.Mutex
	functions map[string]*Function // by name
	workers   map[string]*worker   // by id
}

// Settings tell a worker about its function.
type Settings struct {
	Name     string
	Version  string
	Timeout  time.Duration
	MemoryMB int // 0 is no limit
	Region   string
	Account  string
}

// Function is a declared function: the engine's side of its workers.
type Function struct {
	hub      *Hub
	settings Settings
	calls    chan *call // handed to whoever waits in Next

	// Guarded by the hub's lock.
	workers int
	here    chan struct{} // closed while there are workers
}

var (
	_ engine.Invoker = (*Function)(nil)
	_ engine.Awaiter = (*Function)(nil)
)

// call is an invocation on its way.
type call struct {
	inv     *engine.Invocation
	taken   chan *worker        // receives who has it
	outcome chan engine.Outcome // receives one outcome, under the hub's lock
	given   time.Time           // when it was taken
}

// worker is one attached worker.
type worker struct {
	id, from  string
	function  *Function
	heard     time.Time
	watch     *time.Timer      // ends the worker's silence
	calls     map[string]*call // its calls, by request id
	cancelled []string         // calls to end that it has not heard of
	leaving   chan struct{}    // closed when it takes nothing more
}

// Function declares a function. The name must be new to the hub.
func (h *Hub) Function(s Settings) *Function {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.functions == nil {
		h.functions, h.workers = map[string]*Function{}, map[string]*worker{}
	}
	f := &Function{hub: h, settings: s, calls: make(chan *call), here: make(chan struct{})}
	h.functions[s.Name] = f
	return f
}

// Has reports whether a function was declared.
func (h *Hub) Has(function string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.functions[function] != nil
}

// Await implements [engine.Awaiter]: it waits for a worker.
func (f *Function) Await(ctx context.Context) {
	f.hub.mu.Lock()
	here := f.here
	f.hub.mu.Unlock()
	select {
	case <-here:
	case <-ctx.Done():
	}
}

// Present implements [engine.Awaiter].
func (f *Function) Present() bool {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	select {
	case <-f.here:
		return true
	default:
		return false
	}
}

// Invoke implements [engine.Invoker]. It waits for a free worker for as long as ctx allows.
func (f *Function) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	c := &call{inv: inv, taken: make(chan *worker, 1), outcome: make(chan engine.Outcome, 1)}
	var w *worker
	select {
	case f.calls <- c:
		w = <-c.taken
	case <-ctx.Done():
		return failure(inv, protocol.ErrorTypeSandboxFailure,
			"The invocation was cancelled while it waited for a worker", true)
	}
	timer := time.NewTimer(inv.Timeout + answerGrace)
	defer timer.Stop()
	select {
	case out := <-c.outcome:
		return out
	case <-ctx.Done():
		return f.hub.cancel(w, c, failure(inv, protocol.ErrorTypeSandboxFailure, "The invocation was cancelled", false))
	case <-timer.C:
		return f.hub.cancel(w, c, failure(inv, protocol.ErrorTypeTimedOut,
			fmt.Sprintf("Task timed out after %.2f seconds", inv.Timeout.Seconds()), false))
	}
}

// cancel takes a call back from its worker; an outcome that has arrived counts.
func (h *Hub) cancel(w *worker, c *call, out engine.Outcome) engine.Outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w.calls[c.inv.RequestID] == c {
		delete(w.calls, c.inv.RequestID)
		w.cancelled = append(w.cancelled, c.inv.RequestID)
		return out
	}
	return <-c.outcome
}

func failure(inv *engine.Invocation, errorType, text string, unstarted bool) engine.Outcome {
	return engine.Outcome{Unstarted: unstarted, Error: protocol.InvocationError(inv.RequestID, errorType, "%s", text)}
}

// Join attaches a worker to a function; from says where it is, for people.
func (h *Hub) Join(function, from string) (id string, s Settings, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.functions[function]
	if f == nil {
		return "", Settings{}, ErrUnknown
	}
	w := &worker{
		id: rand.Text(), from: from, function: f, heard: time.Now(),
		calls: map[string]*call{}, leaving: make(chan struct{}),
	}
	w.watch = time.AfterFunc(lostAfter, func() { h.checkSilence(w) })
	h.workers[w.id] = w
	if f.workers++; f.workers == 1 {
		close(f.here)
	}
	return w.id, f.settings, nil
}

// hear finds a worker and notes that it is alive.
func (h *Hub) hear(id string) (*worker, error) {
	w := h.workers[id]
	if w == nil {
		return nil, ErrUnknown
	}
	w.heard = time.Now()
	return w, nil
}

// checkSilence removes a worker that was silent for too long.
func (h *Hub) checkSilence(w *worker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.workers[w.id] != w {
		return
	}
	if left := time.Until(w.heard.Add(lostAfter)); left > 0 {
		w.watch.Reset(left)
		return
	}
	h.removeLocked(w, fmt.Sprintf("the worker %s was lost: nothing was heard of it for %d seconds", w.from,
		int(lostAfter.Seconds())))
}

// removeLocked ends a worker and its calls.
func (h *Hub) removeLocked(w *worker, reason string) {
	delete(h.workers, w.id)
	w.watch.Stop()
	w.leaveOnce()
	for _, c := range w.calls {
		c.outcome <- failure(c.inv, protocol.ErrorTypeSandboxFailure, reason, false)
	}
	clear(w.calls)
	if f := w.function; f.workers == 1 {
		f.workers, f.here = 0, make(chan struct{})
	} else {
		f.workers--
	}
}

func (w *worker) leaveOnce() {
	select {
	case <-w.leaving:
	default:
		close(w.leaving)
	}
}

// Next waits for an invocation for the worker. It returns nil when ctx is done or the worker leaves.
func (h *Hub) Next(ctx context.Context, id string) (*engine.Invocation, error) {
	h.mu.Lock()
	w, err := h.hear(id)
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case <-w.leaving:
		return nil, nil
	default:
	}
	select {
	case c := <-w.function.calls:
		return h.give(w, c), nil
	case <-w.leaving:
	case <-ctx.Done():
	}
	return nil, nil
}

// give hands a call to a worker.
func (h *Hub) give(w *worker, c *call) *engine.Invocation {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.given = time.Now()
	c.taken <- w
	if h.workers[w.id] != w {
		c.outcome <- failure(c.inv, protocol.ErrorTypeSandboxFailure,
			"the worker was lost as it took the invocation", true)
		return nil
	}
	w.calls[c.inv.RequestID] = c
	return c.inv
}

// Finish brings back the outcome of an invocation. It fails with [ErrUnknown] if the worker does not have the
// invocation.
func (h *Hub) Finish(id, requestID string, out engine.Outcome) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	w, err := h.hear(id)
	if err != nil {
		return err
	}
	c := w.calls[requestID]
	if c == nil {
		return ErrUnknown
	}
	delete(w.calls, requestID)
	c.outcome <- out
	h.forgetIfDoneLocked(w)
	return nil
}

// Beat says that the worker is alive and which invocations it runs, and returns those that it should end.
func (h *Hub) Beat(id string, running []string) (cancelled []string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w, err := h.hear(id)
	if err != nil {
		return nil, err
	}
	for requestID, c := range w.calls {
		if !slices.Contains(running, requestID) && time.Since(c.given) > 2*BeatEvery {
			delete(w.calls, requestID)
			c.outcome <- failure(c.inv, protocol.ErrorTypeSandboxFailure,
				"the invocation did not reach the worker "+w.from, true)
		}
	}
	cancelled, w.cancelled = w.cancelled, nil
	return cancelled, nil
}

// Leave says that the worker takes nothing more. It is removed when its invocations are finished, or it is silent.
func (h *Hub) Leave(id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	w, err := h.hear(id)
	if err != nil {
		return err
	}
	w.leaveOnce()
	h.forgetIfDoneLocked(w)
	return nil
}

// forgetIfDoneLocked removes a worker that leaves and has no invocations.
func (h *Hub) forgetIfDoneLocked(w *worker) {
	select {
	case <-w.leaving:
		if len(w.calls) == 0 {
			h.removeLocked(w, "")
		}
	default:
	}
}

// FunctionOf returns the function that a worker runs; the worker may write the logs of its executions.
func (h *Hub) FunctionOf(id string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w, err := h.hear(id)
	if err != nil {
		return "", err
	}
	return w.function.settings.Name, nil
}

// Worker describes an attached worker.
type Worker struct {
	Function string
	From     string
	Heard    time.Time
	Running  int
}

// Workers lists the workers, ordered by function and place.
func (h *Hub) Workers() (all []Worker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.workers {
		all = append(all, Worker{w.function.settings.Name, w.from, w.heard, len(w.calls)})
	}
	slices.SortFunc(all, func(a, b Worker) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.From, b.From))
	})
	return all
}
