package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// sdkClient gives the SDK for Go an engine.
type sdkClient struct{ f *fixture }

func (c sdkClient) Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	reply, err := c.f.Checkpoint(ctx, &engine.CheckpointRequest{ARN: req.ExecutionARN, Token: req.Token, Updates: req.Updates})
	if err != nil {
		return nil, err
	}
	return &protocol.CheckpointReply{Token: reply.Token, Operations: reply.Operations}, nil
}

func (c sdkClient) State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	ops, next, err := c.f.State(ctx, req.ExecutionARN, req.Token, req.Marker, req.MaxItems)
	return &protocol.StateReply{Operations: ops, NextMarker: next}, err
}

// sdk registers a handler that is written with the SDK.
func sdk[In, Out any](f *fixture, name string, handler func(durable.Context, In) (Out, error), opts ...durable.HandlerOption) {
	quiet := durable.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	h := durable.NewHandler(handler, append(opts, durable.WithClient(sdkClient{f}), quiet)...)
	f.durable(name, func(c *call) engine.Outcome {
		answer, err := h.Invoke(c.ctx, c.Payload)
		if err != nil {
			return crash(err.Error())
		}
		return engine.Outcome{Payload: answer}
	})
}

// tally counts what was done.
type tally struct {
	mu  sync.Mutex
	did map[string]int
}

func (d *tally) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.did == nil {
		d.did = map[string]int{}
	}
	d.did[what]++
}

func (d *tally) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, what := range slices.Sorted(maps.Keys(d.did)) {
		all = append(all, fmt.Sprintf("%s:%d", what, d.did[what]))
	}
	return strings.Join(all, " ")
}

// once is a policy without second attempts.
var once = durable.WithRetry(retry.Policy{MaxAttempts: 1})

// A map of which one item failed is redriven: the others are not done again,
// those that were canceled go on, and the compensation is forgotten.
func TestRedriveOfAMap(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var did tally
		broken := true
		sdk(f, "order", func(ctx durable.Context, items []string) (string, error) {
			_, err := durable.Map(ctx, "ship", items, func(ctx durable.Context, item string, i int) (string, error) {
				_, err := durable.Step(ctx, "pack", func(context.Context) (int, error) { did.note("pack " + item); return i, nil })
				if err != nil {
					return "", err
				}
				if err := durable.Wait(ctx, "dry", time.Duration(i+1)*time.Second); err != nil {
					return "", err
				}
				return durable.Step(ctx, "send", func(context.Context) (string, error) {
					did.note("send " + item)
					if broken && item == "b" {
						return "", errors.New("the van is full")
					}
					return item, nil
				}, once)
			})
			if err != nil {
				_, _ = durable.Step(ctx, "apologise", func(context.Context) (int, error) { did.note("apologise"); return 0, nil })
				return "", err
			}
			return "done", nil
		})
		arn := f.start("order", "", `["a","b","c"]`)
		if r := f.result(arn); r.Status != protocol.ExecutionFailed {
			t.Fatalf("got %s %v, want the execution to fail", r.Status, r.Payload)
		}
		if got, want := did.String(), "apologise:1 pack a:1 pack b:1 pack c:1 send a:1 send b:1"; got != want {
			t.Fatalf("the first one did %s, want %s", got, want)
		}
		broken = false
		s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn, Redrive: true})
		if err != nil {
			t.Fatal(err)
		}
		if r := f.result(s.ARN); r.Status != protocol.ExecutionSucceeded || *r.Payload != `"done"` {
			t.Errorf("got %s %v %s", r.Status, r.Error, f.history(s.ARN))
		}
		if got, want := did.String(), "apologise:1 pack a:1 pack b:1 pack c:1 send a:1 send b:2 send c:1"; got != want {
			t.Errorf("with the redriven one they did %s, want %s", got, want)
		}
	})
}

// A saga that compensated is redriven from the step that failed.
func TestRedriveOfASequence(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var did tally
		broken := true
		step := func(ctx durable.Context, name string, fails func() bool) error {
			_, err := durable.Step(ctx, name, func(context.Context) (int, error) {
				did.note(name)
				if fails() {
					return 0, errors.New("no")
				}
				return 1, nil
			}, once)
			return err
		}
		never, now := func() bool { return false }, func() bool { return broken }
		sdk(f, "order", func(ctx durable.Context, _ any) (string, error) {
			err := errors.Join(step(ctx, "reserve", never))
			if err == nil {
				err = step(ctx, "charge", now)
			}
			if err != nil {
				_ = step(ctx, "release", never)
				return "", err
			}
			return "shipped", step(ctx, "ship", never)
		})
		arn := f.start("order", "", "{}")
		f.result(arn)
		broken = false
		s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn, Redrive: true})
		if err != nil {
			t.Fatal(err)
		}
		if r := f.result(s.ARN); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("got %s %v", r.Status, r.Error)
		}
		if got, want := did.String(), "charge:2 release:1 reserve:1 ship:1"; got != want {
			t.Errorf("they did %s, want %s", got, want)
		}
	})
}

// A fork of an execution that waits for a callback submits a new id.
func TestForkWaitsForACallbackAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		ids := make(chan string, 2)
		sdk(f, "order", func(ctx durable.Context, _ any) (string, error) {
			return durable.WaitForCallback[string](ctx, "approve", func(_ context.Context, id string) error { ids <- id; return nil })
		})
		arn := f.start("order", "", "{}")
		first := <-ids
		synctest.Wait()
		s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn})
		if err != nil {
			t.Fatal(err)
		}
		second := <-ids
		for id, want := range map[string]string{first: arn, second: s.ARN} {
			if err := f.SucceedCallback(t.Context(), id, []byte(want)); err != nil {
				t.Fatal(err)
			}
			if r := f.result(want); r.Payload == nil || !strings.Contains(*r.Payload, want) {
				t.Errorf("got %+v, want the answer for %s", r, want)
			}
		}
	})
}
