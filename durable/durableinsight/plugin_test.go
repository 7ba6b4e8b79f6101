package durableinsight_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/durableinsight"
	"github.com/perdure/perdure/durabletest"
)

// shelf is a sink in memory, which can refuse.
type shelf struct {
	mu      sync.Mutex
	records []durableinsight.Record
	batches []int
	refuse  func() error
}

func (s *shelf) Deliver(_ context.Context, records []durableinsight.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		if err := s.refuse(); err != nil {
			return err
		}
	}
	s.records = append(s.records, records...)
	s.batches = append(s.batches, len(records))
	return nil
}

// lines are the records in short, without what differs from run to run.
func (s *shelf) lines() (list []string) {
	for _, r := range s.records {
		line := fmt.Sprintf("%s %s %s in %q: %s %s after %v", r.Kind, r.Operation, r.Name, r.Parent, r.SubType, r.Status, time.Duration(r.DurationMillis)*time.Millisecond)
		if r.Attempts > 0 {
			line += fmt.Sprintf(", %d attempts", r.Attempts)
		}
		if r.Error != nil {
			line += fmt.Sprintf(", %s: %s", r.Error.Type, r.Error.Message)
		}
		if r.Input+r.Result != "" {
			line += fmt.Sprintf(", %s → %s", r.Input, r.Result)
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
	}, durable.WithRetry(durable.FixedRetry(3, 10*time.Second)))
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

// Each operation and the execution is told once, over all invocations.
func TestRecords(t *testing.T) {
	sink := new(shelf)
	result := durabletest.Run(t, fulfil, "o1", recorded(sink, durableinsight.Config{Payloads: 12}))
	result.Output()
	want := []string{
		`operation 1 charge in "": Step SUCCEEDED after 20s, 3 attempts,  → "charged o1"`,
		`operation 2-1 a-day in "2": Wait SUCCEEDED after 24h0m0s`,
		`operation 2 notify in "": RunInChildContext FAILED after 24h0m0s, Error: nobody is at home`,
		`operation 3 a-minute in "": Wait SUCCEEDED after 1m0s`,
		`execution   in "":  SUCCEEDED after 24h1m20s, "o1" → "charged o1"`,
	}
	if diff := cmp.Diff(want, sink.lines()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	arn := sink.records[0].Execution
	for _, r := range sink.records {
		id := strings.TrimSuffix(arn+"/"+r.Operation, "/")
		if r.ID != id || r.Execution != arn || r.Request == "" || r.End.Sub(r.Start).Milliseconds() != r.DurationMillis {
			t.Errorf("record %+v", r)
		}
	}
}

// A crash is followed by an invocation that is told again; nothing is lost, and
// what comes twice has one id.
func TestRecordsAfterACrash(t *testing.T) {
	sink := new(shelf)
	durabletest.Drive(t, fulfil, "o1", func(t *testing.T, x *durabletest.Execution) { x.CrashAfter("notify") },
		recorded(sink, durableinsight.Config{})).Output()
	seen := make(map[string]string)
	for i, line := range sink.lines() {
		id := sink.records[i].ID
		if before, ok := seen[id]; ok && before != line {
			t.Errorf("%s was told as\n%s\nand\n%s", id, before, line)
		}
		seen[id] = line
	}
	if len(seen) != 5 {
		t.Errorf("told of %d things, want 5: %q", len(seen), seen)
	}
}

func TestPayloads(t *testing.T) {
	for limit, want := range map[int]string{0: "", 3: `"ä…`, 100: `"äöü"`} {
		sink := new(shelf)
		durabletest.Run(t, func(durable.Context, any) (string, error) { return "äöü", nil }, nil, recorded(sink, durableinsight.Config{Payloads: limit}))
		if got := sink.records[0].Result; got != want {
			t.Errorf("at most %d bytes: got %s, want %s", limit, got, want)
		}
	}
}

// What a sink refuses is kept for the next invocation, and is no business of the
// execution's.
func TestSinkRefuses(t *testing.T) {
	for name, refusal := range map[string]func() error{
		"with an error": func() error { return errBusy },
		"by a panic":    func() error { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			sink, calls := new(shelf), 0
			sink.refuse = func() error {
				if calls++; calls < 3 {
					return refusal()
				}
				return nil
			}
			result := durabletest.Run(t, fulfil, "o1", recorded(sink, durableinsight.Config{}))
			result.Output()
			if len(sink.records) != 5 || sink.records[0].Name != "charge" {
				t.Errorf("got %q, want all 5 in order", sink.lines())
			}
			if warned := result.Logs; len(warned) != 2 || warned[0].Attrs["records"] == "" {
				t.Errorf("logged %v, want a warning for each refusal", warned)
			}
		})
	}
}

// A sink that stays away costs the oldest records, and time within bounds.
func TestSinkStaysAway(t *testing.T) {
	slow := durableinsight.SinkFunc(func(ctx context.Context, _ []durableinsight.Record) error {
		<-ctx.Done()
		return ctx.Err()
	})
	result := durabletest.Run(t, fulfil, "o1", recorded(slow, durableinsight.Config{Kept: 2, Timeout: time.Second}))
	result.Output()
	if result.Elapsed > 25*time.Hour {
		t.Errorf("took %v", result.Elapsed)
	}
	dropped := 0
	for _, line := range result.Logs {
		if strings.Contains(line.Message, "dropped") {
			n, _ := strconv.Atoi(line.Attrs["records"])
			dropped += n
		}
	}
	if dropped != 3 {
		t.Errorf("%d records were dropped, want 3 of 5: %v", dropped, result.Logs)
	}
}

// Many records do not wait for the invocation's end, and come in batches.
func TestManyRecords(t *testing.T) {
	sink := new(shelf)
	early := 0
	durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
		for range 1200 {
			if _, err := durable.Step(ctx, "s", func(context.Context) (any, error) { return nil, nil }); err != nil {
				return nil, err
			}
		}
		sink.mu.Lock()
		defer sink.mu.Unlock()
		early = len(sink.records)
		return nil, nil
	}, nil, recorded(sink, durableinsight.Config{})).Output()
	if early != 1000 || len(sink.records) != 1201 || slices.Max(sink.batches) > 500 {
		t.Errorf("got %d records, %d of them before the end, in batches of %v", len(sink.records), early, sink.batches)
	}
}

func TestNoSink(t *testing.T) {
	defer func() {
		if v := recover(); v != "perdure: durableinsight.New: the sink is nil" {
			t.Errorf("got %v", v)
		}
	}()
	durableinsight.New(nil, durableinsight.Config{})
}
