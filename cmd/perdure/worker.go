package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/protocol"
)

const (
	// glance is the interval at which a worker looks for something to send.
	glance = 500 * time.Millisecond
	// maxLines bounds the lines of one beat, which has little else, and maxWaiting the waiting ones, both by their
	// weight.
	maxLines   = adminapi.MaxBeat * 3 / 4
	maxWaiting = 8 * maxLines
	// finishTime bounds how long an outcome is offered to an engine that does not answer; by then the worker is
	// lost to it.
	finishTime = 20 * time.Second
)

// worker runs a function here for an engine elsewhere.
type worker struct {
	client   *client.Client
	function string
	from     string
	slots    int
	tell     func(line string)
	// pool returns an invoker of the function with the engine's settings.
	pool func(*adminapi.Joined) (engine.Invoker, error)

	mu      sync.Mutex
	running map[string]context.CancelFunc // by request id
	lines   []adminapi.WorkerLine
	size    int // weight of the lines
	lost    int // lines that were dropped

	beating sync.Mutex // held while lines are sent, to keep them in order
}

// write takes a line of the function.
func (w *worker) write(line engine.LogLine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := adminapi.WorkerLine{
		Time: line.Time, ExecutionArn: line.ExecutionARN, RequestID: line.RequestID, Stream: line.Stream,
		Text: line.Text,
	}
	if w.size+l.Weight() > maxWaiting {
		w.lost++
		return
	}
	w.size += l.Weight()
	w.lines = append(w.lines, l)
}

// work attaches to the engine, and again after the engine has forgotten us, until ctx is done. Then it ends in good
// order. It fails if the engine refuses us.
func (w *worker) work(ctx context.Context) error {
	w.running = map[string]context.CancelFunc{}
	for again := false; ; again = true {
		joined, err := w.join(ctx, again)
		if err != nil || joined == nil {
			return err
		}
		pool, err := w.pool(joined)
		if err != nil {
			return err
		}
		w.tell("attached to the engine: " + w.function + " runs here")
		w.session(ctx, joined.Worker, pool)
		if ctx.Err() != nil {
			return nil
		}
		w.tell("the engine has forgotten this worker, or was started anew; attaching again")
	}
}

// join attaches to the engine, and waits while that is not there, or if it did not know our function again. It returns
// nothing when ctx is done.
func (w *worker) join(ctx context.Context, again bool) (*adminapi.Joined, error) {
	told := map[string]bool{}
	for pause := minPoll; ; pause = min(2*pause, 5*time.Second) {
		joined, err := w.client.Join(ctx, w.function, w.from)
		if err == nil {
			return joined, nil
		}
		if ctx.Err() != nil {
			return nil, nil
		}
		unknown := again && forgotten(err) // the node that has the function may come back
		if refused(err) && !unknown {
			return nil, err
		}
		why := "the engine does not answer; waiting for it"
		if unknown {
			why = "nobody declares " + w.function + " any more; waiting for an engine that does"
		}
		if !told[why] {
			told[why] = true
			w.tell(why)
		}
		if !sleep(ctx, pause) {
			return nil, nil
		}
	}
}

// sleep reports whether the time passed before ctx was done.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// session runs invocations until ctx is done or the engine has forgotten us.
func (w *worker) session(ctx context.Context, id string, pool engine.Invoker) {
	known, forget := context.WithCancel(context.Background()) // until the engine has forgotten us
	defer forget()
	polling, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(known, stop)

	var takers, beats sync.WaitGroup
	beats.Go(func() { w.beats(known, forget, id) })
	for range w.slots {
		takers.Go(func() { w.take(polling, known, forget, id, pool) })
	}
	<-polling.Done()
	if known.Err() == nil {
		leaving, cancel := context.WithTimeout(known, 5*time.Second)
		w.client.Leave(leaving, id)
		cancel()
		w.mu.Lock()
		if n := len(w.running); n > 0 {
			w.tell(fmt.Sprintf("stopping when what runs is done: %d invocations (Ctrl-C again stops at once)", n))
		}
		w.mu.Unlock()
	}
	takers.Wait()
	forget()
	beats.Wait()
}

// forgotten reports whether err says that the engine does not know us.
func forgotten(err error) bool {
	refused, ok := errors.AsType[*protocol.Error](err)
	return ok && refused.Code == protocol.CodeNotFound
}

// refused reports whether err is the engine's last word, and not only that it cannot answer now.
func refused(err error) bool {
	e, ok := errors.AsType[*protocol.Error](err)
	return ok && !slices.Contains(passing, e.Code)
}

// passing are refusals that pass: of an engine that ends, say, or whose database or other nodes are away.
var passing = []protocol.Code{
	protocol.CodeService, protocol.CodeNotReady, protocol.CodeTooManyRequests, protocol.CodeRequestTimeout,
	protocol.CodeStorageFull,
}

// take runs one invocation after the other.
func (w *worker) take(polling, known context.Context, forget func(), id string, pool engine.Invoker) {
	pause := minPoll
	for polling.Err() == nil {
		inv, err := w.client.Next(polling, id)
		switch {
		case polling.Err() != nil && inv == nil:
			return
		case forgotten(err):
			forget()
			return
		case err != nil:
			sleep(polling, pause)
			pause = min(2*pause, maxPoll)
			continue
		}
		pause = minPoll
		if inv != nil {
			w.invoke(known, id, pool, inv)
		}
	}
}

// invoke runs one invocation and brings back its outcome.
func (w *worker) invoke(known context.Context, id string, pool engine.Invoker, in *adminapi.WorkerInvocation) {
	ctx, cancel := context.WithCancel(known)
	defer cancel()
	w.mu.Lock()
	w.running[in.RequestID] = cancel
	w.mu.Unlock()
	out := pool.Invoke(ctx, &engine.Invocation{
		RequestID: in.RequestID, FunctionARN: in.FunctionArn, ExecutionARN: in.ExecutionArn, Payload: in.Payload,
		Timeout: time.Duration(in.TimeoutMs) * time.Millisecond,
		TraceID: in.TraceID, TenantID: in.TenantID, ClientContext: in.ClientContext,
	})
	w.beat(known, id) // its output comes before its outcome
	w.finish(known, id, &adminapi.WorkerOutcome{
		RequestID: in.RequestID, Payload: out.Payload, Error: out.Error, ErrorPayload: out.ErrorPayload,
		Unstarted: out.Unstarted,
	})
	w.mu.Lock()
	delete(w.running, in.RequestID)
	w.mu.Unlock()
}

// finish brings back an outcome, if the engine still wants it.
func (w *worker) finish(known context.Context, id string, out *adminapi.WorkerOutcome) {
	ctx, cancel := context.WithTimeout(known, finishTime)
	defer cancel()
	for pause := minPoll; ; pause = min(2*pause, maxPoll) {
		err := w.client.Finish(ctx, id, out)
		if err == nil || refused(err) || !sleep(ctx, pause) {
			return
		}
	}
}

// beats beats until known is done, more often if there are lines.
func (w *worker) beats(known context.Context, forget func(), id string) {
	last := time.Now()
	for sleep(known, glance) {
		w.mu.Lock()
		quiet := len(w.lines) == 0
		w.mu.Unlock()
		if quiet && time.Since(last) < attached.BeatEvery {
			continue
		}
		last = time.Now()
		if forgotten(w.beat(known, id)) {
			forget()
		}
	}
}

// beat names the running invocations and sends lines.
func (w *worker) beat(ctx context.Context, id string) error {
	w.beating.Lock()
	defer w.beating.Unlock()
	for {
		b, more := w.nextBeat()
		cancelled, err := w.client.Beat(ctx, id, b)
		if err != nil {
			return err
		}
		w.mu.Lock()
		for _, requestID := range cancelled {
			if cancel := w.running[requestID]; cancel != nil {
				cancel()
			}
		}
		w.mu.Unlock()
		if !more {
			return nil
		}
	}
}

// nextBeat takes the lines of one beat, and reports whether more wait.
func (w *worker) nextBeat() (b *adminapi.WorkerBeat, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b = &adminapi.WorkerBeat{Running: slices.Collect(maps.Keys(w.running))}
	n, size := 0, 0
	for n < len(w.lines) && (n == 0 || size+w.lines[n].Weight() <= maxLines) {
		size += w.lines[n].Weight()
		n++
	}
	b.Lines = w.lines[:n:n]
	w.lines = w.lines[n:]
	w.size -= size
	if w.lost > 0 && n > 0 {
		w.tell("the function writes faster than the engine takes it; lines were dropped")
		w.lost = 0
	}
	return b, len(w.lines) > 0
}
