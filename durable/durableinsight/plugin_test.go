package durableinsight_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/durableinsight"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
)

// shelf is a sink in memory, which can refuse.
type shelf struct {
	mu      sync.Mutex
	records []durableinsight.Record
	refuse  func(ctx context.Context) error
}

func (s *shelf) Deliver(ctx context.Context, records []durableinsight.Record) error {
	if s.refuse != nil {
		if err := s.refuse(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, records...)
	return nil
}

// lines are the records in short, without what differs from run to run.
func (s *shelf) lines() (list []string) {
	for _, r := range s.records {
		line := fmt.Sprintf("%s %s → %s", r.Status, r.Input, r.Output)
		if r.Error != nil {
			line += fmt.Sprintf(" %s: %s", r.Error.Name, r.Error.Message)
		}
		for _, op := range r.Operations {
			line += fmt.Sprintf(", %s %s", op.Name, op.Status)
			if op.DurationMillis != nil {
				line += fmt.Sprint(" after ", time.Duration(*op.DurationMillis)*time.Millisecond)
			}
		}
		list = append(list, line)
	}
	return list
}

func recorded(sink durableinsight.Sink, cfg durableinsight.Config) durable.HandlerOption {
	return durable.WithPlugins(durableinsight.New(sink, cfg))
}

var errBusy = errors.New("busy")

// fulfil has operations of several sorts, in several invocations.
func fulfil(ctx durable.Context, order string) (string, error) {
	charged, err := durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
		if durable.Attempt(ctx) < 3 {
			return "", errBusy
		}
		return "charged " + order, nil
	}, durable.WithRetry(retry.Fixed(3, 10*time.Second)))
	if err != nil {
		return "", err
	}
	_, err = durable.RunInChildContext(ctx, "notify", func(ctx durable.Context) (any, error) {
		if err := durable.Wait(ctx, "a-day", 24*time.Hour); err != nil {
			return nil, err
		}
		return nil, errors.New("nobody is at home")
	})
	if err == nil {
		return "", errors.New("notify should fail")
	}
	return charged, durable.Wait(ctx, "a-minute", time.Minute)
}

const fulfilled = `SUCCEEDED "o1" → "charged o1", charge SUCCEEDED after 20s, notify FAILED after 24h0m0s, a-minute SUCCEEDED after 1m0s`

// There is one record, made of all invocations, and also after a crash.
func TestRecord(t *testing.T) {
	for name, act := range map[string]func(*testing.T, *durabletest.Execution){
		"without a crash": func(*testing.T, *durabletest.Execution) {},
		"with one":        func(_ *testing.T, x *durabletest.Execution) { x.CrashAfter("notify") },
	} {
		sink := new(shelf)
		durabletest.Drive(t, fulfil, "o1", act, recorded(sink, durableinsight.Config{})).Output()
		if diff := cmp.Diff([]string{fulfilled}, sink.lines()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFailureAlone(t *testing.T) {
	sink := new(shelf)
	plugin := recorded(sink, durableinsight.Config{Emit: durableinsight.OnFailure})
	durabletest.Run(t, fulfil, "o1", plugin).Output()
	durabletest.Run(t, func(durable.Context, int) (int, error) { return 0, errBusy }, 1, plugin)
	if diff := cmp.Diff([]string{`FAILED 1 →  Error: busy`}, sink.lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// With on-change there are records of the open execution, in order, and the last
// one is of its end.
func TestChanges(t *testing.T) {
	sink := new(shelf)
	durabletest.Run(t, fulfil, "o1", recorded(sink, durableinsight.Config{Emit: durableinsight.OnChange})).Output()
	lines := sink.lines()
	if n := len(lines); n < 5 || lines[n-1] != fulfilled {
		t.Fatalf("got %q, want at least one for each invocation, and the last of the end", lines)
	}
	for i, r := range sink.records[1:] {
		if r.EmittedAt <= sink.records[i].EmittedAt || sink.records[i].Status != "RUNNING" || sink.records[i].EndTime != 0 {
			t.Errorf("record %d is %q, and the next not later", i, lines[i])
		}
	}
}

// A sink that is slow does not keep a workflow from going on between records.
func TestChangesDoNotWait(t *testing.T) {
	sink := new(shelf)
	sink.refuse = func(ctx context.Context) error {
		select {
		case <-time.After(time.Second):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	result := durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
		for range 100 {
			if _, err := durable.Step(ctx, "s", func(context.Context) (any, error) { return nil, nil }); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}, nil, recorded(sink, durableinsight.Config{Emit: durableinsight.OnChange}))
	result.Output()
	if result.Elapsed > 3*time.Second || len(sink.records) > 3 {
		t.Errorf("took %v for %d records, want what one or two deliveries take", result.Elapsed, len(sink.records))
	}
}

// What a sink refuses is kept for the next invocation of the process, of another
// execution if need be, and is no business of the execution's.
func TestSinkRefuses(t *testing.T) {
	for name, refusal := range map[string]func() error{
		"with an error": func() error { return errBusy },
		"by a panic":    func() error { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			sink := new(shelf)
			plugin := recorded(sink, durableinsight.Config{})
			sink.refuse = func(context.Context) error { return refusal() }
			result := durabletest.Run(t, fulfil, "o1", plugin)
			result.Output()
			if warned := result.Logs; len(warned) != 1 || warned[0].Attrs["records"] != "1" {
				t.Errorf("logged %v, want a warning", warned)
			}
			sink.refuse = nil
			durabletest.Run(t, func(durable.Context, int) (int, error) { return 2, nil }, 1, plugin).Output()
			if diff := cmp.Diff([]string{fulfilled, `SUCCEEDED 1 → 2`}, sink.lines()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A sink that stays away costs the oldest records, and time within bounds.
func TestSinkStaysAway(t *testing.T) {
	sink := new(shelf)
	plugin := recorded(sink, durableinsight.Config{Limit: 8 << 20})
	sink.refuse = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for i := range 4 {
		large := func(durable.Context, int) (string, error) { return strings.Repeat("x", 5<<20), nil }
		result := durabletest.Run(t, large, i, plugin)
		result.Output()
		if result.Elapsed > 6*time.Second {
			t.Errorf("it took %v, want 5 s", result.Elapsed)
		}
	}
	sink.refuse = nil
	durabletest.Run(t, func(durable.Context, int) (int, error) { return 2, nil }, 4, plugin).Output()
	var inputs []string
	for _, r := range sink.records {
		inputs = append(inputs, string(r.Input))
	}
	if diff := cmp.Diff([]string{"1", "2", "3", "4"}, inputs); diff != "" {
		t.Errorf("records that are left (-want +got):\n%s", diff)
	}
}

func TestMistakes(t *testing.T) {
	for want, make := range map[string]func(){
		"perdure: durableinsight.New: the sink is nil": func() {
			durableinsight.New(nil,
				durableinsight.Config{})
		},
		"perdure: durableinsight.New: the sampling is 2; it is a number above 0 and at most 1": func() {
			durableinsight.New(new(shelf), durableinsight.Config{Sampling: 2})
		},
		`perdure: durableinsight.New: the emit mode "x" is none of on-complete, on-failure, on-change`: func() {
			durableinsight.New(new(shelf), durableinsight.Config{Emit: "x"})
		},
	} {
		func() {
			defer func() {
				if v := recover(); v != want {
					t.Errorf("got %v, want %s", v, want)
				}
			}()
			make()
		}()
	}
}
