package runtimeapi_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
)

// A process with several places gets as many invocations at one time, and answers each by its id, in any order.
func TestInvocationsAtOnce(t *testing.T) {
	const places = 3
	p := attachPlaces(t, places)
	var outcomes []<-chan invoked
	for i := range places {
		outcomes = append(outcomes, p.invoke(t.Context(), fmt.Sprint("r", i)))
	}
	taken := map[string]bool{}
	for range places {
		taken[p.next().Header.Get("Lambda-Runtime-Aws-Request-Id")] = true
	}
	if len(taken) != places {
		t.Fatalf("the polls got %v, want an invocation each", taken)
	}
	wantReply(t, "a poll too many", p.next(), 403, "InvalidStateTransition")
	if err := receive(t, "one more", p.invoke(t.Context(), "more")).Err; !errors.Is(err, runtimeapi.ErrBusy) {
		t.Errorf("one more: got error %v, want ErrBusy", err)
	}
	for i := places - 1; i >= 0; i-- {
		wantReply(t, "answer", p.post(fmt.Sprintf("invocation/r%d/response", i), fmt.Sprint(i)), 202, "")
		if got := string(receive(t, "outcome", outcomes[i]).Outcome.Payload); got != fmt.Sprint(i) {
			t.Errorf("invocation %d: got %s, want its own answer", i, got)
		}
	}
}

// Polls beyond the places take the place of the oldest, as the one poll of a process with one place does.
func TestPollsAreBounded(t *testing.T) {
	p := attachPlaces(t, 2)
	oldest, rest := make(chan reply, 1), make(chan reply, 2)
	go func() { oldest <- p.next() }()
	p.wantPolls(1)
	go func() { rest <- p.next() }()
	p.wantPolls(2)
	go func() { rest <- p.next() }()
	wantReply(t, "the oldest", receive(t, "oldest poll", oldest), 403, "InvalidStateTransition")
	p.wantPolls(2)
	for i := range 2 {
		p.invoke(t.Context(), fmt.Sprint("r", i))
		wantReply(t, "another", receive(t, "poll", rest), 200, "")
	}
}

// An invocation whose time is over is answered too late, as Managed Instances say it, and harms no other.
func TestLateAnswerBesideOthers(t *testing.T) {
	p := attachPlaces(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	slow, other := p.invoke(ctx, "slow"), p.invoke(t.Context(), "other")
	p.next()
	p.next()
	cancel()
	if err := receive(t, "slow", slow).Err; !errors.Is(err, runtimeapi.ErrUnanswered) {
		t.Errorf("got error %v, want ErrUnanswered", err)
	}
	wantReply(t, "late answer", p.post("invocation/slow/response", "1"), 410, "InvokeTimeout")
	wantReply(t, "later answer", p.post("invocation/slow/error", "{}"), 400, "InvalidRequestID")
	wantReply(t, "the other's answer", p.post("invocation/other/response", "2"), 202, "")
	if got := string(receive(t, "other", other).Outcome.Payload); got != "2" {
		t.Errorf("the other got %s, want 2", got)
	}
	next := p.invoke(t.Context(), "next")
	p.next()
	p.post("invocation/next/response", "3")
	if got := string(receive(t, "next", next).Outcome.Payload); got != "3" {
		t.Errorf("the next got %s, want 3", got)
	}
}

// An invocation that a broken poll got goes to another one. Without one it waits if the process has nothing else to
// do, since then it will ask again, and otherwise it is given back, since its client may be about to end.
func TestPollBreaksWithAnInvocation(t *testing.T) {
	p := attachPlaces(t, 3)
	broken := runtimeapi.Poll(p.Session)
	done := p.invoke(t.Context(), "r1")
	p.wantBusy(1)
	broken()
	if got := p.next().Header.Get("Lambda-Runtime-Aws-Request-Id"); got != "r1" {
		t.Fatalf("the next poll got %q, want the invocation of the broken one", got)
	}

	broken = runtimeapi.Poll(p.Session)
	second := p.invoke(t.Context(), "r2")
	p.wantBusy(2)
	broken()
	if err := receive(t, "beside another", second).Err; !errors.Is(err, runtimeapi.ErrBroken) {
		t.Errorf("got error %v, want ErrBroken", err)
	}

	waiting := make(chan reply, 1)
	broken = runtimeapi.Poll(p.Session)
	third := p.invoke(t.Context(), "r3")
	p.wantBusy(2)
	go func() { waiting <- p.next() }()
	p.wantPolls(3) // those of r1, r3 and this one
	broken()
	wantReply(t, "the waiting poll", receive(t, "waiting", waiting), 200, "")
	p.post("invocation/r3/response", "3")
	p.post("invocation/r1/response", "1")
	for id, c := range map[string]<-chan invoked{"1": done, "3": third} {
		if got := string(receive(t, id, c).Outcome.Payload); got != id {
			t.Errorf("got %s, want %s", got, id)
		}
	}
}

// wantBusy waits until n invocations are with polls.
func (p process) wantBusy(n int) {
	p.t.Helper()
	for end := time.Now().Add(patience); runtimeapi.Taken(p.Session) != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("got %d invocations with polls, want %d", runtimeapi.Taken(p.Session), n)
		}
	}
}

// Clients that give polls up at any moment swallow no invocation, and the count of polls stays true.
func TestPollsAreAbandonedAtAnyMoment(t *testing.T) {
	const places, each = 4, 500
	p := attachPlaces(t, places)
	ctx, stop := context.WithCancel(t.Context())
	var clients, callers sync.WaitGroup
	for seed := range uint64(places) {
		random := rand.New(rand.NewPCG(seed, 0))
		clients.Go(func() {
			for ctx.Err() == nil {
				runtimeapi.PollFor(p.Session, time.Duration(random.IntN(50))*time.Microsecond)
			}
		})
	}
	for caller := range places {
		callers.Go(func() {
			for i := range each {
				p.invokeTillTaken(fmt.Sprint(caller, "-", i))
			}
		})
	}
	callers.Wait()
	stop()
	clients.Wait()
	p.wantPolls(places * each) // each of the rest has ended without an invocation
}

// invokeTillTaken invokes until there is an answer, which must be its own.
func (p process) invokeTillTaken(id string) {
	for {
		out, err := p.Invoke(p.t.Context(), &engine.Invocation{RequestID: id, Payload: []byte(id)})
		if errors.Is(err, runtimeapi.ErrBroken) {
			continue
		}
		if err != nil || string(out.Payload) != id {
			p.t.Errorf("%s: got %s, %v; want its answer", id, out.Payload, err)
		}
		return
	}
}
