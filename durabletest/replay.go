package durabletest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/protocol"
)

// Recorded is a recorded execution for [Replay]: a pattern of file names, the bytes of a file, or a history.
type Recorded interface{ string | []byte | History }

// Replay replays recorded executions with today's code, and fails the test where the code does not fit. It runs no
// body of a step, records nothing, and needs no engine: the code gets what is recorded.
//
//	func TestOldExecutions(t *testing.T) {
//		durabletest.Replay(t, processOrder, "testdata/histories/*.json")
//	}
//
// An open execution replays up to where it stands, a closed one to its end, which must be the recorded one. One that
// was stopped or timed out replays up to there. Where code and records part, the test shows both side by side, with
// the line of the code's call. A result, or the input, that today's types cannot read is such a place, too. So is a
// recorded field of a result for which its type has no place any more; see [AllowLostFields].
//
// recorded is a file of perdure export, what the Lambda API's GetDurableExecutionHistory (with execution data) or
// GetDurableExecutionState answer as JSON, the lines of perdure history --json, or a golden history. A string is a
// pattern of file names, as for [filepath.Glob], which must match a file; each is a subtest. [Result.History] and bytes
// are replayed at once.
//
// Only files of perdure export tell all. Events do not tell which contexts closed without a result because it was too
// large: those with operations and no JSON of a result are taken for such. What has no ARN gets one that is made up, so
// durable.UUID and durable.Rand give other values; UUIDs in the execution's result may differ then.
//
// Code outside of steps runs, as in any replay, and is given ten seconds. The options are those of [durable.Start].
func Replay[In, Out any, R Recorded](t *testing.T, handler func(durable.Context, In) (Out, error), recorded R,
	opts ...durable.HandlerOption) {
	t.Helper()
	checkHandler(t, handler == nil, opts)
	r := &replayer{lost: slices.ContainsFunc(opts, isLostAllowed)}
	opts = append([]durable.HandlerOption{durable.WithLogger(slog.New(slog.DiscardHandler))}, opts...)
	r.handler = durable.NewHandler(handler, append(opts, durable.WithClient(noService{}))...)
	switch recorded := any(recorded).(type) {
	case string:
		r.files(t, recorded)
	case []byte:
		rec, err := rehearsal.Read(recorded)
		r.replay(t, rec, err)
	case History:
		rec, err := rehearsal.OfEvents(recorded, "")
		r.replay(t, rec, err)
	}
}

// AllowLostFields has [Replay] accept that today's types have no place for some fields of recorded results: the
// fields are logged. Other functions ignore it.
func AllowLostFields() durable.HandlerOption { return lostAllowed{durable.WithErrors()} }

type lostAllowed struct{ durable.HandlerOption }

func isLostAllowed(o durable.HandlerOption) bool {
	_, is := o.(lostAllowed)
	return is
}

// replayer replays with one handler.
type replayer struct {
	handler *durable.Handler
	lost    bool   // fields may be lost
	stacks  string // of code that did not end
}

func (r *replayer) files(t *testing.T, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatalf("durabletest: the pattern %q: %v", pattern, err)
	}
	if len(paths) == 0 {
		t.Fatalf("durabletest: no file is called %s; record one with: perdure export EXECUTION FILE", pattern)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			rec, err := rehearsal.ReadFile(path)
			r.replay(t, rec, err)
		})
	}
}

func (r *replayer) replay(t *testing.T, rec *rehearsal.Recording, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("durabletest: the recording cannot be replayed: %v", err)
	}
	sound := !t.Failed()
	v := rec.Rehearse(t.Context(), r.invoke)
	switch {
	case v.Kind != rehearsal.Replays:
		t.Errorf("durabletest: execution %s, %s, does not replay with this code: %v%s", rec.Name(), rec.Ending(), v,
			r.stacks)
	case len(v.Lost) > 0 && r.lost:
		t.Logf("durabletest: execution %s replays, but fields are lost:\n%v", rec.Name(), v)
	case len(v.Lost) > 0:
		t.Errorf("durabletest: execution %s replays, but fields are lost (durabletest.AllowLostFields accepts it):\n%v",
			rec.Name(), v)
	case sound && t.Failed():
		t.Errorf("durabletest: execution %s: code outside of steps failed the test", rec.Name())
	}
}

var (
	// replayTime is what code outside of steps may take, and replayGrace what it may take to notice that the time is
	// over. Both are real time: the code does not wait for anything that is not there.
	replayTime  = 10 * time.Second
	replayGrace = 2 * time.Second
)

// invoke runs the handler once. Code that does not end is left behind.
func (r *replayer) invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, replayTime)
	defer cancel()
	type outcome struct {
		answer []byte
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		answer, err := r.handler.Invoke(ctx, event)
		ended <- outcome{answer, err}
	}()
	select {
	case o := <-ended:
		return o.answer, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-ended:
		if o.err != nil {
			return nil, fmt.Errorf("code outside of steps did not end within %v", replayTime)
		}
		return o.answer, nil
	case <-time.After(replayGrace):
		r.stacks = stacks("durable.(*run).spawn")
		return nil, fmt.Errorf("code outside of steps does not end within %v, and ignores that its context ended; "+
			"the stacks below show where it is", replayTime)
	}
}

// noService is what a rehearsal never calls.
type noService struct{}

var errNoService = errors.New("durabletest: a replay has no service to call")

// Checkpoint implements [durable.Client].
func (noService) Checkpoint(context.Context, *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	return nil, errNoService
}

// State implements [durable.Client].
func (noService) State(context.Context, *protocol.StateRequest) (*protocol.StateReply, error) {
	return nil, errNoService
}
