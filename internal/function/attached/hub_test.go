package attached_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/protocol"
)

// fixture is a hub with one function.
type fixture struct {
	*attached.Function
	hub *attached.Hub
	t   *testing.T
}

func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		hub := &attached.Hub{}
		test(t, &fixture{hub.Function(attached.Settings{Name: "order", Timeout: time.Minute}), hub, t})
	})
}

func (f *fixture) join(from string) string {
	f.t.Helper()
	id, s, err := f.hub.Join("order", from)
	if err != nil || s.Timeout != time.Minute {
		f.t.Fatalf("got settings %+v, %v", s, err)
	}
	return id
}

// invoke begins an invocation.
func (f *fixture) invoke(ctx context.Context, requestID string) <-chan engine.Outcome {
	done := make(chan engine.Outcome, 1)
	go func() {
		done <- f.Invoke(ctx, &engine.Invocation{RequestID: requestID, Timeout: time.Minute, Payload: []byte(`1`)})
	}()
	return done
}

// next takes an invocation, whose request id must be the one wanted.
func (f *fixture) next(worker, want string) {
	f.t.Helper()
	inv, err := f.hub.Next(f.t.Context(), worker)
	if err != nil || inv == nil || inv.RequestID != want {
		f.t.Fatalf("got %+v, %v; want invocation %s", inv, err, want)
	}
}

func wantFailure(t *testing.T, out engine.Outcome, errorType, text string, unstarted bool) {
	t.Helper()
	if out.Error == nil || out.Error.ErrorType != errorType || !strings.Contains(out.Error.ErrorMessage, text) ||
		out.Unstarted != unstarted {
		t.Errorf("got %+v, unstarted %t; want %s with %q, unstarted %t", out.Error, out.Unstarted, errorType, text, unstarted)
	}
}

func TestWorkersShareTheWork(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		first := f.invoke(t.Context(), "r-1") // waits for a worker
		a, b := f.join("a"), f.join("b")
		f.next(a, "r-1")
		second := f.invoke(t.Context(), "r-2")
		f.next(b, "r-2")
		third := f.invoke(t.Context(), "r-3")
		f.next(b, "r-3") // a worker may have several
		for _, outcome := range []struct {
			worker, requestID string
			done              <-chan engine.Outcome
		}{{b, "r-3", third}, {a, "r-1", first}, {b, "r-2", second}} {
			if err := f.hub.Finish(outcome.worker, outcome.requestID, engine.Outcome{Payload: []byte(outcome.requestID)}); err != nil {
				t.Error(err)
			}
			if out := <-outcome.done; string(out.Payload) != outcome.requestID {
				t.Errorf("got %+v, want %s", out, outcome.requestID)
			}
		}
		if err := f.hub.Finish(a, "r-1", engine.Outcome{}); err != attached.ErrUnknown {
			t.Errorf("a second answer: got %v, want %v", err, attached.ErrUnknown)
		}
		if err := f.hub.Finish(a, "r-2", engine.Outcome{}); err != attached.ErrUnknown {
			t.Errorf("an answer to another's invocation: got %v, want %v", err, attached.ErrUnknown)
		}
		f.hub.Leave(a)
		f.hub.Leave(b)
	})
}

func TestAwaitWaitsForAWorker(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		here := make(chan struct{})
		go func() {
			f.Await(t.Context())
			close(here)
		}()
		time.Sleep(time.Hour)
		select {
		case <-here:
			t.Error("Await returned without a worker")
		default:
		}
		a := f.join("a")
		<-here
		f.Await(t.Context())
		f.hub.Leave(a)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if f.Await(ctx); ctx.Err() == nil {
			t.Error("Await returned after the last worker left")
		}
	})
}

// A worker that falls silent takes nothing with it, and finds itself a stranger
// when it comes back.
func TestLostWorker(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		a := f.join("host a")
		done := f.invoke(t.Context(), "r-1")
		f.next(a, "r-1")
		for range 5 {
			time.Sleep(attached.BeatEvery)
			if _, err := f.hub.Beat(a, []string{"r-1"}); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		wantFailure(t, <-done, protocol.ErrorTypeSandboxFailure, "the worker host a was lost", false)
		if took := time.Since(began); took != 4*attached.BeatEvery {
			t.Errorf("it was lost after %v, want %v", took, 4*attached.BeatEvery)
		}
		if err := f.hub.Finish(a, "r-1", engine.Outcome{}); err != attached.ErrUnknown {
			t.Errorf("its late answer: got %v, want %v", err, attached.ErrUnknown)
		}
		if _, err := f.hub.Next(t.Context(), a); err != attached.ErrUnknown {
			t.Errorf("its late poll: got %v, want %v", err, attached.ErrUnknown)
		}
		if got := f.hub.Workers(); len(got) != 0 {
			t.Errorf("got workers %v, want none", got)
		}
	})
}

func TestTimeoutAndCancel(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		a := f.join("a")
		ctx, cancel := context.WithCancel(t.Context())
		cancelled, slow := f.invoke(ctx, "r-1"), (<-chan engine.Outcome)(nil)
		f.next(a, "r-1")
		slow = f.invoke(t.Context(), "r-2")
		f.next(a, "r-2")
		cancel()
		wantFailure(t, <-cancelled, protocol.ErrorTypeSandboxFailure, "cancelled", false)
		for range 13 {
			time.Sleep(attached.BeatEvery)
			gone, err := f.hub.Beat(a, []string{"r-1", "r-2"})
			if err != nil {
				t.Fatal(err)
			}
			if len(gone) > 0 && gone[0] == "r-1" {
				cancel = nil
			}
		}
		if cancel != nil {
			t.Error("the worker was not told to end the cancelled invocation")
		}
		wantFailure(t, <-slow, protocol.ErrorTypeTimedOut, "Task timed out after 60.00 seconds", false)
		f.hub.Leave(a)
	})
}

// A poll whose answer got lost on the way is no run of the function.
func TestInvocationThatDoesNotArrive(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		a := f.join("a")
		done := f.invoke(t.Context(), "r-1")
		f.next(a, "r-1")
		for range 3 {
			time.Sleep(attached.BeatEvery)
			f.hub.Beat(a, nil)
		}
		wantFailure(t, <-done, protocol.ErrorTypeSandboxFailure, "did not reach the worker", true)
		f.hub.Leave(a)
	})
}

// A worker that leaves finishes what it has.
func TestLeave(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		a := f.join("a")
		done := f.invoke(t.Context(), "r-1")
		f.next(a, "r-1")
		polled := make(chan struct{})
		go func() {
			defer close(polled)
			if inv, err := f.hub.Next(t.Context(), a); inv != nil || err != nil {
				t.Errorf("got %v, %v after Leave, want nothing", inv, err)
			}
		}()
		synctest.Wait()
		if err := f.hub.Leave(a); err != nil {
			t.Fatal(err)
		}
		<-polled
		if err := f.hub.Finish(a, "r-1", engine.Outcome{Payload: []byte(`1`)}); err != nil {
			t.Error(err)
		}
		if out := <-done; out.Error != nil {
			t.Errorf("got %+v, want an answer", out.Error)
		}
		if _, _, err := f.hub.Join("nobody", "a"); err != attached.ErrUnknown {
			t.Errorf("got %v, want %v", err, attached.ErrUnknown)
		}
	})
}
