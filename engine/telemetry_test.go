package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/durableinsight"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/telemetry"
)

// shelf is a sink in memory, which can refuse.
type shelf struct {
	mu      sync.Mutex
	records []telemetry.Record
	refuse  func(ctx context.Context) error
}

func (s *shelf) Deliver(ctx context.Context, records []telemetry.Record) error {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse != nil {
		if err := refuse(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, records...)
	return nil
}

func (s *shelf) refusing(refuse func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

// told are the names and statuses of executions that the shelf was told of.
func (s *shelf) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]string, len(s.records))
	for i, r := range s.records {
		list[i] = r.ExecutionName + " " + r.Status
	}
	return strings.Join(list, ", ")
}

// of are the records of an execution.
func (s *shelf) of(arn string) (list []telemetry.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.ExecutionARN == arn {
			list = append(list, r)
		}
	}
	return list
}

// all are the records that the shelf has.
func (s *shelf) all() []telemetry.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

func (s *shelf) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = nil
}

// tellingTo has the fixture's engine tell a shelf.
func tellingTo(f *fixture, cfg telemetry.Config) *shelf {
	s := new(shelf)
	f.opts.Telemetry = &engine.Telemetry{Config: cfg, Sink: s}
	f.restart()
	return s
}

// workflow is one of those whose records are compared.
type workflow struct {
	name    string
	handler func(durable.Context, any) (any, error)
	act     func(f *fixture, arn string) // while it waits
	alone   bool                         // it ends while no function runs, so the SDK cannot tell
	status  string
}

func workflows() []workflow {
	fail := func(context.Context) (any, error) { return nil, errors.New("no <luck>") }
	return []workflow{
		{name: "empty", status: "SUCCEEDED", handler: func(durable.Context, any) (any, error) { return nil, nil }},
		{name: "steps", status: "SUCCEEDED", handler: func(ctx durable.Context, in any) (any, error) {
			if _, err := durable.Step(ctx, "one", func(context.Context) (any, error) { return in, nil }); err != nil {
				return nil, err
			}
			return durable.Step(ctx, "two", func(context.Context) (any, error) { return "ä\u2028<b>", nil })
		}},
		{name: "retries", status: "SUCCEEDED", handler: func(ctx durable.Context, _ any) (any, error) {
			return durable.Step(ctx, "charge", func(ctx context.Context) (any, error) {
				if durable.Attempt(ctx) < 3 {
					return nil, errors.New("busy")
				}
				return 7, nil
			}, durable.WithRetry(retry.Fixed(3, 10*time.Second)))
		}},
		{name: "fails", status: "FAILED", handler: func(ctx durable.Context, _ any) (any, error) {
			return durable.Step(ctx, "charge", fail, once)
		}},
		{name: "waits", status: "SUCCEEDED", handler: func(ctx durable.Context, _ any) (any, error) {
			if err := durable.Wait(ctx, "an-hour", 59*time.Minute); err != nil {
				return nil, err
			}
			return "done", nil
		}},
		{name: "maps", status: "SUCCEEDED", handler: func(ctx durable.Context, _ any) (any, error) {
			result, err := durable.Map(ctx, "ship", []int{1, 2, 3}, func(ctx durable.Context, n, _ int) (int, error) {
				return durable.Step(ctx, "pack", func(context.Context) (int, error) { return n, nil })
			})
			return result, err
		}},
		{name: "parallel", status: "SUCCEEDED", handler: func(ctx durable.Context, _ any) (any, error) {
			branch := func(name string, d time.Duration) durable.Branch[string] {
				return durable.Branch[string]{Name: name, Func: func(ctx durable.Context) (string, error) {
					return name,
						durable.Wait(ctx, "wait-"+name, d)
				}}
			}
			return durable.Parallel(ctx, "both", []durable.Branch[string]{branch("a", time.Second), branch("b", 3*time.Second)})
		}},
		{name: "children", status: "SUCCEEDED", handler: func(ctx durable.Context, _ any) (any, error) {
			_, err := durable.RunInChildContext(ctx, "notify", func(ctx durable.Context) (any, error) {
				return durable.RunInChildContext(ctx, "mail",
					func(ctx durable.Context) (any, error) { return durable.Step(ctx, "send", fail, once) })
			})
			return err.Error(), durable.Wait(ctx, "", time.Second)
		}},
		{name: "callback", status: "SUCCEEDED", handler: func(ctx durable.Context, _ any) (any, error) {
			return durable.WaitForCallback[string](ctx, "approval", func(context.Context, string) error { return nil })
		}, act: func(f *fixture, arn string) { f.complete(arn, `"yes"`) }},
		{name: "callback-late", status: "FAILED", handler: func(ctx durable.Context, _ any) (any, error) {
			return durable.WaitForCallback[string](ctx, "approval", func(context.Context, string) error { return nil },
				durable.WithTimeout(time.Minute))
		}},
		{name: "invokes", status: "SUCCEEDED", handler: func(ctx durable.Context, _ any) (any, error) {
			return durable.Invoke(ctx, "steps", durable.Function[any, any]{Name: "steps:$LATEST"}, any(map[string]int{"n": 1}))
		}},
		{name: "invokes-failing", status: "FAILED", handler: func(ctx durable.Context, _ any) (any, error) {
			return durable.Invoke(ctx, "fails", durable.Function[any, any]{Name: "fails:$LATEST"}, nil)
		}},
		{name: "condition", status: "SUCCEEDED", handler: func(ctx durable.Context, _ any) (any, error) {
			return durable.WaitForCondition(ctx, "until-3", 0,
				func(_ context.Context, n int) (int, bool, error) { return n + 1, n+1 == 3, nil })
		}},
		{name: "panics", status: "FAILED", handler: func(durable.Context, any) (any, error) { panic("oh no") }},
		{name: "large", status: "SUCCEEDED", handler: func(durable.Context, any) (any, error) { return strings.Repeat("\"", 2<<20), nil }},
		{name: "wordy", status: "FAILED", handler: func(durable.Context, any) (any, error) {
			return nil, errors.New(strings.Repeat("ä", 9000))
		}},
		{name: "stopped", status: "STOPPED", alone: true, handler: func(ctx durable.Context, _ any) (any, error) {
			return nil, durable.Wait(ctx, "an-hour", 30*time.Minute)
		}, act: func(f *fixture, arn string) {
			if _, err := f.Stop(f.t.Context(), &engine.StopRequest{ARN: arn, Reason: &protocol.ErrorObject{ErrorType: "Operator", ErrorMessage: "not today"}}); err != nil {
				f.t.Error(err)
			}
		}},
		{name: "late", status: "TIMED_OUT", alone: true, handler: func(ctx durable.Context, _ any) (any, error) {
			return nil, durable.Wait(ctx, "too-long", 24*time.Hour)
		}},
	}
}

// complete completes the callback that an execution waits for.
func (f *fixture) complete(arn, result string) {
	f.t.Helper()
	x, err := f.Explain(f.t.Context(), arn)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, reason := range x.Reasons {
		if reason.CallbackID != "" {
			if err := f.SucceedCallback(f.t.Context(), reason.CallbackID, []byte(result)); err != nil {
				f.t.Error(err)
			}
		}
	}
}

// The engine and the plugin say the same of the same execution, field by field,
// in whatever way they are asked to; and the engine also tells of those whose end
// no SDK sees.
func TestTelemetryOfEngineAndPlugin(t *testing.T) {
	for _, cfg := range []telemetry.Config{
		{},
		{Format: durableinsight.ByName},
		{Format: durableinsight.Both, Limit: 900},
		{Emit: durableinsight.OnFailure, OmitErrors: true, Input: durableinsight.Omit},
		{Detail: durableinsight.FullTree, Results: map[string]durableinsight.Transform{"pack": durableinsight.AsIs,
			"one": nil, "two": nil, "ship": nil}, Exclude: []string{"charge"}},
	} {
		t.Run(fmt.Sprintf("%+v", cfg.Emit+"-"+durableinsight.Emit(cfg.Format)+"-"+durableinsight.Emit(cfg.Detail)), func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				compare(t, f, cfg)
			})
		})
	}
}

func compare(t *testing.T, f *fixture, cfg telemetry.Config) {
	own, theirs := tellingTo(f, cfg), new(shelf)
	for _, w := range workflows() {
		sdk(f, w.name, w.handler, durable.WithPlugins(durableinsight.New(theirs, cfg)))
	}
	for _, w := range workflows() {
		arn := f.start(w.name, "", `{"n":[1,2.50],"s":"<&"}`)
		if w.act != nil {
			synctest.Wait()
			w.act(f, arn)
		}
		if got := f.result(arn); string(got.Status) != w.status {
			t.Errorf("%s: got %s, want %s", w.name, got.Status, w.status)
		}
		synctest.Wait()
		records := own.of(arn)
		switch {
		case cfg.Emit == durableinsight.OnFailure && w.status == "SUCCEEDED":
			if len(records)+len(theirs.of(arn)) != 0 {
				t.Errorf("%s: there are records of an execution that succeeded", w.name)
			}
		case len(records) != 1:
			t.Errorf("%s: the engine made %d records, want 1", w.name, len(records))
		case w.alone:
			if records[0].Status != w.status || len(theirs.of(arn)) != 0 {
				t.Errorf("%s: got %+v and %+v, want the engine's alone", w.name, records, theirs.of(arn))
			}
		default:
			onlyTold(t, &records[0], theirs.of(arn))
			if diff := cmp.Diff(records, theirs.of(arn)); diff != "" {
				t.Errorf("%s (-engine +plugin):\n%s", w.name, diff)
			}
		}
	}
}

// onlyTold removes from the engine's record what the plugin cannot know: what was
// inside of contexts that closed in earlier invocations.
func onlyTold(t *testing.T, r *telemetry.Record, theirs []durableinsight.Record) {
	t.Helper()
	told, closed := map[string]bool{}, map[string]bool{}
	for _, record := range theirs {
		for _, op := range record.Operations {
			told[op.ID] = true
		}
	}
	for _, op := range r.Operations {
		closed[op.ID] = op.Type == "CONTEXT" && op.Status != "STARTED"
	}
	r.Operations = slices.DeleteFunc(r.Operations, func(op durableinsight.Operation) bool {
		if !told[op.ID] && !closed[op.ParentID] {
			t.Errorf("the plugin was not told of %s, although it is in no context that closed", op.ID)
		}
		return !told[op.ID]
	})
}

// What is told of an execution that the engine ends by itself is all that it did.
func TestTelemetryOfStoppedExecution(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		s := tellingTo(f, telemetry.Config{})
		sdk(f, "order", func(ctx durable.Context, _ any) (any, error) { return nil, durable.Wait(ctx, "a-minute", time.Minute) })
		arn := f.start("order", "o-1", `{"a": 1}`)
		time.Sleep(time.Second)
		f.pause(arn)
		if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn, Reason: &protocol.ErrorObject{ErrorType: "Operator", ErrorMessage: "not today"}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		records := s.of(arn)
		if len(records) != 1 {
			t.Fatalf("got %d records, want 1", len(records))
		}
		got := string(records[0].JSON())
		want := `{"recordType":"DurableExecutionTelemetry","schemaVersion":"1.0","emittedAt":"2000-01-01T00:00:01.000Z",` +
			`"executionArn":"` + arn + `","executionName":"o-1","functionName":"order","functionQualifier":"$LATEST",` +
			`"region":"us-east-1","accountId":"000000000000","status":"STOPPED","startTime":"2000-01-01T00:00:00.000Z",` +
			`"endTime":"2000-01-01T00:00:01.000Z","durationMs":1000,"input":{"a":1},"error":{"name":"Operator","message":"not today"},` +
			`"operations":[{"id":"1","name":"a-minute","type":"WAIT","subType":"Wait","status":"STARTED","startTime":"2000-01-01T00:00:00.000Z"}]}`
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// instant is a handler that ends at once.
func instant(*call) engine.Outcome {
	return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED","Result":"1"}`)}
}

// What a sink refuses is offered until it is taken; nobody waits for that, and
// the next engine offers what this one could not.
func TestTelemetrySinkRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		s := tellingTo(f, telemetry.Config{})
		f.durable("f", instant)
		s.refusing(func(context.Context) error { return errors.New("full") })
		began := time.Now()
		for i := range 3 {
			f.result(f.start("f", fmt.Sprint("n", i), ""))
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("executions took %v, want no time", d)
		}
		time.Sleep(time.Minute)
		s.refusing(nil)
		time.Sleep(2 * time.Second)
		if got, want := s.told(), "n0 SUCCEEDED, n1 SUCCEEDED, n2 SUCCEEDED"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		s.refusing(func(context.Context) error { return errors.New("full") })
		f.result(f.start("f", "n3", ""))
		f.restart()
		s.clear()
		s.refusing(nil)
		time.Sleep(2 * time.Second)
		if got := s.told(); !strings.Contains(got, "n3 SUCCEEDED") {
			t.Errorf("the next engine told of %q, want n3", got)
		}
		f.restart()
		s.clear()
		time.Sleep(time.Minute)
		if got := s.told(); got != "" {
			t.Errorf("after an engine that had told all, the next one told of %q", got)
		}
	})
}

// A sink that does not return holds nobody up, not even the end of the engine, and
// is not called twice at once. A panic is a refusal.
func TestTelemetrySinkIsStuck(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		s := tellingTo(f, telemetry.Config{})
		f.durable("f", instant)
		release := make(chan struct{})
		var calls atomic.Int32
		s.refusing(func(context.Context) error { calls.Add(1); <-release; panic("oh no") })
		f.result(f.start("f", "n0", ""))
		time.Sleep(time.Hour)
		f.result(f.start("f", "n1", ""))
		began := time.Now()
		f.close()
		if d := time.Since(began); d > 5*time.Second || calls.Load() != 1 {
			t.Errorf("closing took %v, with %d calls of the sink; want seconds, and one", d, calls.Load())
		}
		close(release)
		s.refusing(nil)
		f.open()
		time.Sleep(2 * time.Second)
		if got, want := s.told(), "n0 SUCCEEDED, n1 SUCCEEDED"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// An engine that dies is followed by one that tells what it could not, and only
// what closed since. One that has had no telemetry begins anew.
func TestTelemetryAfterACrash(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		s := tellingTo(f, telemetry.Config{})
		f.durable("f", instant)
		f.result(f.start("f", "old", ""))
		time.Sleep(time.Hour)
		f.result(f.start("f", "mark", ""))
		time.Sleep(time.Hour)
		s.refusing(func(context.Context) error { return errors.New("full") })
		arn := f.start("f", "lost", "")
		f.result(arn)

		dead := f.Engine // it goes on to offer, as nobody kills goroutines, but to nobody who listens
		f.open()
		s.clear()
		s.refusing(nil)
		time.Sleep(time.Minute)
		if got := s.told(); !strings.Contains(got, "lost SUCCEEDED") || strings.Contains(got, "old") {
			t.Errorf("the next engine told of %q, want lost and not old", got)
		}
		if err := dead.Close(context.Background()); err != nil {
			t.Error(err)
		}
		first := s.of(arn)
		for _, again := range first[1:] {
			if diff := cmp.Diff(string(first[0].JSON()), string(again.JSON())); diff != "" {
				t.Errorf("what was told twice differs:\n%s", diff)
			}
		}

		with := f.opts.Telemetry
		f.opts.Telemetry = nil
		f.restart()
		f.result(f.start("f", "unseen", ""))
		time.Sleep(time.Hour)
		f.opts.Telemetry = with
		f.restart()
		s.clear()
		f.result(f.start("f", "seen", ""))
		synctest.Wait()
		if got, want := s.told(), "seen SUCCEEDED"; got != want {
			t.Errorf("after a time without telemetry: got %q, want %q", got, want)
		}
	})
}

// doubtful is a store that commits and says that it may not have, as a disk does.
type doubtful struct {
	store.Store
	doubts atomic.Bool
}

func (d *doubtful) Commit(ctx context.Context, writes ...store.Write) error {
	err := d.Store.Commit(ctx, writes...)
	closes := slices.ContainsFunc(writes, func(w store.Write) bool { return w.Row != nil && w.Row.Status.Closed() })
	if err == nil && closes && d.doubts.CompareAndSwap(true, false) {
		return errors.New("the disk did not answer")
	}
	return err
}

// An execution that closed although the store did not say so is told of.
func TestTelemetryOfDoubtfulCommit(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		front := &doubtful{Store: f.store}
		f.front = front
		s := tellingTo(f, telemetry.Config{})
		f.durable("f", instant)
		front.doubts.Store(true)
		f.result(f.start("f", "n", ""))
		time.Sleep(time.Hour)
		if got, want := s.told(), "n SUCCEEDED"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Where it cannot be read how far the engine came, it tells of all again rather
// than of none.
func TestTelemetryProgressIsUnreadable(t *testing.T) {
	for _, value := range []string{"", "{", `{"Since":"x"}`, "[]"} {
		inBubble(t, func(t *testing.T, f *fixture) {
			s := tellingTo(f, telemetry.Config{})
			f.durable("f", instant)
			f.result(f.start("f", "n", ""))
			time.Sleep(time.Hour)
			f.close()
			s.clear()
			if err := f.store.PutDocument(t.Context(), "telemetry", "progress", []byte(value)); err != nil {
				t.Fatal(err)
			}
			f.open()
			time.Sleep(time.Second)
			if got, want := s.told(), "n SUCCEEDED"; got != want {
				t.Errorf("%q: got %q, want %q", value, got, want)
			}
		})
	}
}

// More executions than the engine keeps in mind are told of all the same.
func TestTelemetryFallsBehind(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		s := tellingTo(f, telemetry.Config{})
		f.durable("f", instant)
		s.refusing(func(context.Context) error { return errors.New("full") })
		f.result(f.start("f", "first", "")) // which the engine is at, from now on
		const n = 700                       // more than the engine reads at a time
		f.SetMaxUntold(10)
		for i := range n {
			f.result(f.start("f", fmt.Sprint("n", i), ""))
		}
		s.refusing(nil)
		time.Sleep(time.Minute)
		seen := map[string]bool{}
		for _, r := range s.all() {
			seen[r.ExecutionName] = true
		}
		if len(seen) != n+1 {
			t.Errorf("told of %d executions, want %d", len(seen), n+1)
		}
	})
}

// With on-change there are records of open executions, in order, and the last one
// says how it ended.
func TestTelemetryOnChange(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		s := tellingTo(f, telemetry.Config{Emit: durableinsight.OnChange})
		sdk(f, "f", func(ctx durable.Context, _ any) (any, error) {
			for range 3 {
				if err := durable.Wait(ctx, "a-minute", time.Minute); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		f.result(f.start("f", "n", ""))
		time.Sleep(time.Minute)
		var at durableinsight.Time
		records := s.all()
		for i, r := range records {
			last := i == len(records)-1
			if r.EmittedAt <= at || (r.Status == "RUNNING") == last || r.EndTime == 0 == last {
				t.Errorf("record %d of %d: %+v", i, len(records), r)
			}
			at = r.EmittedAt
		}
		if n := len(records); n < 4 || n > 9 {
			t.Errorf("there are %d records, want one or two for each minute", n)
		}
	})
}

// Sampling decides by the ARN, so that all who ask agree.
func TestTelemetrySamples(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		cfg := telemetry.Config{Sampling: 0.5}
		own, theirs := tellingTo(f, cfg), new(shelf)
		sdk(f, "f", func(durable.Context, any) (any, error) { return nil, nil }, durable.WithPlugins(durableinsight.New(theirs, cfg)))
		for i := range 64 {
			f.result(f.start("f", fmt.Sprint("n", i), ""))
		}
		synctest.Wait()
		if n := len(own.all()); n < 16 || n > 48 {
			t.Errorf("%d of 64 were told of, want about half", n)
		}
		if diff := cmp.Diff(own.told(), theirs.told()); diff != "" {
			t.Errorf("engine and plugin chose differently:\n%s", diff)
		}
	})
}

// A mistake in the configuration is told when the engine opens.
func TestTelemetryConfiguration(t *testing.T) {
	for _, bad := range []*engine.Telemetry{
		{},
		{Sink: new(shelf), Config: telemetry.Config{Sampling: 2}},
		{Sink: new(shelf), Config: telemetry.Config{Emit: "sometimes"}},
	} {
		if e, err := engine.Open(t.Context(), memstore.New(), &engine.Options{Telemetry: bad}); err == nil {
			t.Errorf("an engine opened with %+v", bad)
			e.Close(t.Context())
		}
	}
}
