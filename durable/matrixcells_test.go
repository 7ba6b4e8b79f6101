package durable_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// operationRow is one operation, or one way to use it.
type operationRow struct {
	name   string
	covers []string // exported functions and methods
	// run does the operation under the name of the world, with bodies of the
	// world, and returns what its copies of the world's value came to.
	run func(ctx durable.Context, w *world) (string, error)
	// call is how messages call the operation.
	call string
	// copies is how often the value is in the result, 1 if it is 0. It is -1 if
	// the result is something else, but always the same.
	copies int
	// bodies is how often bodies run in all, with and without a failure.
	bodies, bodiesFailed int
	// records is what is recorded, sorted, when it succeeds; failed when it
	// fails. If loose is true there may be more: of what was given up, it
	// depends on how goroutines interleave how far it came.
	records, failed string
	loose           bool
	// failure is the error when a body fails, hugeFailure when the value has more
	// than 6 MB. Empty is that it works.
	failure, hugeFailure string
	// known is the operation that changes of the code are tried on: the first
	// whose name begins like that. Empty is the world's name.
	known string
	not   map[string]string // cells that make no sense, and why
}

// world is what an operation of a row finds.
type world struct {
	svc    *service
	name   string        // for the operation
	size   int           // of the value
	delay  time.Duration // for which the operation is suspended; 0 is not at all
	fail   bool          // bodies fail
	panics bool          // bodies panic
	waits  int           // behind the operation, each of which makes a replay
	store  cupboard      // for values

	mu     sync.Mutex
	bodies int      // that ran
	saw    []string // by each run that came so far
}

var errBoom = errors.New("boom")

func newWorld(t *testing.T) *world {
	w := &world{svc: newService(t, "{}"), name: "op", size: 1, waits: 2}
	w.svc.targets = map[string]func(string) settling{"function:1": func(payload string) settling { return w.outside(payload) }}
	w.svc.handedOut = func(op *protocol.Operation) { w.svc.settles(op, w.outside(w.value())) }
	return w
}

// value is what bodies return.
func (w *world) value() string { return strings.Repeat("v", w.size) }

// outside is how operations end that others end.
func (w *world) outside(payload string) settling {
	if w.fail {
		return fails(w.delay, "boom", "boom")
	}
	return succeeds(w.delay, payload)
}

// body is what a step does.
func (w *world) body(context.Context) (string, error) {
	if err := w.begun(); err != nil {
		return "", err
	}
	return w.value(), nil
}

// begun counts a body and says whether it fails.
func (w *world) begun() error {
	w.mu.Lock()
	w.bodies++
	w.mu.Unlock()
	switch {
	case w.panics:
		panic("boom")
	case w.fail:
		return errBoom
	}
	return nil
}

// work is what runs in a context of its own: a step, after the delay.
func (w *world) work(ctx durable.Context) (string, error) {
	if w.delay > 0 {
		if err := durable.Wait(ctx, "work-wait", w.delay); err != nil {
			return "", err
		}
	}
	return w.quick(ctx)
}

// quick is work without the delay. A large value is of the code's making: that
// of the step is small.
func (w *world) quick(ctx durable.Context) (string, error) {
	v, err := durable.Step(ctx, "work", func(context.Context) (string, error) { return "v", w.begun() }, durable.WithRetry(retry.None()))
	if err != nil && w.panics {
		panic("boom")
	}
	return strings.Repeat(v, w.size), err
}

// forever is a future that does not come to an end by itself.
func forever(ctx durable.Context) *durable.Future[string] {
	return durable.Go(ctx, "forever", func(ctx durable.Context) (string, error) {
		return "", durable.Wait(ctx, "for-ever", 300*24*time.Hour)
	})
}

// handler runs the operation, notes what came of it, and goes on, so that
// there are replays.
func (w *world) handler(fn func(durable.Context) (string, error), opts ...durable.HandlerOption) *durable.Handler {
	opts = append(opts, durable.WithErrors(durable.ErrorValue("boom", errBoom)))
	return handle(w.svc, func(ctx durable.Context) (string, error) {
		v, err := fn(ctx)
		w.mu.Lock()
		w.saw = append(w.saw, seen(v, err))
		w.mu.Unlock()
		for _, name := range []string{"after", "again"}[:w.waits] {
			if err := durable.Wait(ctx, name, time.Second); err != nil {
				return "", err
			}
		}
		return abbreviated(v), err
	}, opts...)
}

func (w *world) do(row *operationRow) func(durable.Context) (string, error) {
	return func(ctx durable.Context) (string, error) { return row.run(ctx, w) }
}

func seen(v string, err error) string {
	if err != nil {
		return fmt.Sprintf("%T: %v; boom: %t, limit: %t", err, err, errors.Is(err, errBoom), isLimit(err))
	}
	return abbreviated(v)
}

func isLimit(err error) bool {
	var limit *durable.LimitError
	return errors.As(err, &limit)
}

// abbreviated is a value that fits everywhere.
func abbreviated(v string) string {
	if len(v) < 100 {
		return v
	}
	return fmt.Sprintf("%d bytes %x", len(v), crc32.ChecksumIEEE([]byte(v)))
}

// want is what the operation's result is.
func (row *operationRow) want(w *world) string {
	return abbreviated(strings.Repeat(w.value(), max(row.copies, 1)))
}

// succeeded checks the end of an execution, and that all its runs saw the same.
func (row *operationRow) succeeded(t *testing.T, w *world, out output) {
	t.Helper()
	want := row.want(w)
	if row.copies < 0 && len(w.saw) > 0 {
		want = w.saw[0]
	}
	if out.result() != `"`+want+`"` {
		t.Errorf("got %s %s, want %s", out.result(), out.errorText(), want)
	}
	w.sawOnly(t, want)
}

// sawOnly checks that each run saw the same.
func (w *world) sawOnly(t *testing.T, want string) {
	t.Helper()
	if len(w.saw) < 2 {
		t.Errorf("there was no replay behind the operation")
	}
	for i, saw := range w.saw {
		if saw != want {
			t.Errorf("run %d that came past the operation saw\n     %s\nwant %s", i+1, saw, want)
		}
	}
}

// hasRecorded checks what is recorded.
func (row *operationRow) hasRecorded(t *testing.T, w *world, want string) {
	t.Helper()
	got := w.recorded()
	if !row.loose {
		if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("recorded (-want +got):\n%s", diff)
		}
		return
	}
	for _, op := range strings.Split(want, ", ") {
		i := slices.Index(got, op)
		if i < 0 {
			t.Errorf("recorded %q, but not %s", w.recorded(), op)
			continue
		}
		got = slices.Delete(got, i, i+1)
	}
}

// recorded lists what is recorded of the row's operation: all but the waits
// behind it.
func (w *world) recorded() []string {
	var list []string
	for _, op := range w.svc.ops {
		if op.Name == "after" || op.Name == "again" {
			continue
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s/%s %s %s", op.Type, op.SubType, op.Name, op.Status)))
	}
	return sorted(list)
}

func testFirstRun(t *testing.T, row *operationRow) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		row.succeeded(t, w, w.svc.run(w.handler(w.do(row))))
		row.hasRecorded(t, w, row.records)
	})
}

// Bodies whose results are recorded do not run again, though the code does,
// and though the state comes in pages.
func testReplay(t *testing.T, row *operationRow) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.svc.pageSize = 1
		row.succeeded(t, w, w.svc.run(w.handler(w.do(row))))
		if w.bodies != row.bodies {
			t.Errorf("%d bodies ran in %d invocations, want %d", w.bodies, w.svc.invocations, row.bodies)
		}
	})
}

// Each call of the service in turn is lost, before or after it was taken in:
// the execution comes to the same end.
func testLostCalls(t *testing.T, row *operationRow) {
	for _, set := range []func(*world){func(*world) {}, func(w *world) { w.delay = 10 * time.Second }, func(w *world) { w.fail = true }} {
		for _, opts := range [][]durable.HandlerOption{nil, {durable.WithPipelining()}} {
			if opts != nil && row.copies < 0 {
				continue // code may have seen what then was lost, and is another value now
			}
			calls := row.losing(t, set, opts, 0, false)
			for n := 1; n <= calls; n++ {
				row.losing(t, set, opts, n, false)
				row.losing(t, set, opts, n, true)
			}
		}
	}
}

// losing runs an execution of which call n is lost, 0 is none, and returns the
// number of calls.
func (row *operationRow) losing(t *testing.T, set func(*world), opts []durable.HandlerOption, n int, taken bool) (calls int) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		set(w)
		lose := func(call int) error {
			if call == n {
				return context.DeadlineExceeded
			}
			return nil
		}
		if taken {
			w.svc.after = func(call int, _ *protocol.CheckpointReply) error { return lose(call) }
		} else {
			w.svc.before = lose
		}
		out := w.svc.run(w.handler(w.do(row), opts...))
		switch {
		case w.fail && row.failure != "":
			row.hasFailed(t, w, out)
		default:
			row.succeeded(t, w, out)
		}
		if t.Failed() {
			t.Logf("call %d was lost, taken in: %t, delay %v, failing: %t, with %d options\n%q", n, taken, w.delay, w.fail, len(opts),
				w.recorded())
		}
		calls = len(w.svc.calls)
	})
	return calls
}

func testSuspension(t *testing.T, row *operationRow) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.delay = 10 * time.Second
		h := w.handler(w.do(row))
		start := time.Now()
		if out, err := w.svc.invoke(h); err != nil || out.Status != protocol.InvocationPending || len(w.saw) != 0 {
			t.Errorf("the first invocation ended with %s %v, and the operation returned %q; want it to be suspended", out.Status,
				err, w.saw)
		}
		w.svc.sleep()
		row.succeeded(t, w, w.svc.run(h))
		if d := time.Since(start); d < 10*time.Second {
			t.Errorf("it took %v, want 10s or more", d)
		}
	})
}

func testFailure(t *testing.T, row *operationRow) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = true
		row.hasFailed(t, w, w.svc.run(w.handler(w.do(row))))
		if w.bodies != row.bodiesFailed {
			t.Errorf("%d bodies ran, want %d", w.bodies, row.bodiesFailed)
		}
		row.hasRecorded(t, w, row.failed)
	})
}

// hasFailed checks that each run saw the failure, with the error that was declared.
func (row *operationRow) hasFailed(t *testing.T, w *world, out output) {
	t.Helper()
	if !strings.Contains(out.errorText(), "boom") {
		t.Errorf("the execution ended with %s %s, want boom", out.result(), out.errorText())
	}
	w.sawOnly(t, row.failure+"; boom: true, limit: false")
}

// A panic is a failure like any other.
func testPanic(t *testing.T, row *operationRow) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.panics = true
		out := w.svc.run(w.handler(w.do(row)))
		if !strings.Contains(out.errorText(), "boom") || len(w.saw) == 0 {
			t.Fatalf("the execution ended with %s %s, after the operation returned %q", out.result(), out.errorText(), w.saw)
		}
		w.sawOnly(t, w.saw[0])
	})
}

// As the loser of a race the operation ends at once, and leaves no wait behind.
func testLoser(t *testing.T, row *operationRow) {
	run := func(n int) (calls int) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.delay = 100 * 24 * time.Hour
			w.svc.after = func(call int, _ *protocol.CheckpointReply) error {
				if call == n {
					return context.DeadlineExceeded
				}
				return nil
			}
			start := time.Now()
			out := w.svc.run(w.handler(func(ctx durable.Context) (string, error) {
				loser := durable.Go(ctx, "loser", func(ctx durable.Context) (string, error) {
					v, err := row.run(ctx, w)
					t.Errorf("the operation returned %q, %v", v, err)
					return v, err
				})
				won, err := durable.Race(ctx, "race", loser, durable.Go(ctx, "winner", after("winner", 2*time.Second, "won")))
				if _, lost := loser.Result(ctx); !errors.Is(lost, durable.ErrCanceled) {
					t.Errorf("the loser ended with %v, want ErrCanceled", lost)
				}
				return won, err
			}))
			w.isOver(t, out, start, `"won"`)
			w.sawOnly(t, "won")
			calls = len(w.svc.calls)
		})
		return calls
	}
	for n := run(0); n > 0; n-- {
		run(n)
	}
}

func testDeadline(t *testing.T, row *operationRow) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.delay = 100 * 24 * time.Hour
		start := time.Now()
		out := w.svc.run(w.handler(func(ctx durable.Context) (string, error) {
			_, err := durable.RunInChildContext(ctx, "bounded", w.do(row), durable.WithTimeout(2*time.Second))
			if !errors.Is(err, durable.ErrTimeout) {
				return "", fmt.Errorf("not a timeout: %w", err)
			}
			return "timed out", nil
		}))
		w.isOver(t, out, start, `"timed out"`)
		w.sawOnly(t, "timed out")
	})
}

// isOver checks that the execution has ended, in time, and has left no wait.
func (w *world) isOver(t *testing.T, out output, start time.Time, want string) {
	t.Helper()
	if out.result() != want || time.Since(start) > 20*time.Second {
		t.Errorf("got %s %s after %v, want %s after some seconds", out.result(), out.errorText(), time.Since(start), want)
	}
	for _, op := range w.svc.ops {
		if op.Type == protocol.TypeWait && !op.Status.Closed() {
			t.Errorf("wait %q is %s", op.Name, op.Status)
		}
	}
}

// What is too large to be recorded with a context fits a step.
func testLargeValue(t *testing.T, row *operationRow) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.size = 300 << 10
		row.succeeded(t, w, w.svc.run(w.handler(w.do(row))))
		if w.bodies != row.bodies {
			t.Errorf("%d bodies ran, want %d", w.bodies, row.bodies)
		}
	})
}

// What is too large for everything is computed again, or fails the operation
// with an error that names it.
func testHugeValue(t *testing.T, row *operationRow) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.size, w.waits = 6<<20+1, 1
		out := w.svc.run(w.handler(w.do(row)))
		if row.hugeFailure == "" {
			row.succeeded(t, w, out)
			return
		}
		w.sawOnly(t, row.hugeFailure+"; boom: false, limit: true")
		if out.Error == nil || w.bodies != row.bodies {
			t.Errorf("the execution ended with %s %s after %d bodies, want the error after %d", out.result(), out.errorText(), w.bodies,
				row.bodies)
		}
	})
}

// The operation is recorded, closed or not, and then something else is found
// in its place.
func testNonDeterminism(t *testing.T, row *operationRow) {
	changed := func(ctx durable.Context) (string, error) {
		return durable.Step(ctx, "something-else", func(context.Context) (string, error) { return "", nil })
	}
	for _, delay := range []time.Duration{0, 100 * 24 * time.Hour} {
		if delay > 0 && row.not["suspension"] != "" {
			continue
		}
		for name, change := range map[string]struct {
			code   func(durable.Context) (string, error)
			record func(op *protocol.Operation)
			want   string
		}{
			"another step": {code: changed, want: `but the code now does STEP/Step "something-else"`},
			"gone": {code: func(durable.Context) (string, error) { return "", nil },
				want: `but the code now does WAIT/Wait "after"`},
			"renamed": {record: func(op *protocol.Operation) { op.Name = "once-called-so" }, want: `"once-called-so"`},
			"another type": {record: func(op *protocol.Operation) { op.Type, op.SubType = otherType(op.Type) },
				want: `, but the code now does `},
		} {
			t.Run(fmt.Sprintf("%s, after %v", name, delay), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w := newWorld(t)
					w.delay = delay
					if out, err := w.svc.invoke(w.handler(w.do(row))); err != nil || out.Status != protocol.InvocationPending {
						t.Fatalf("the first invocation ended with %s %s %v", out.Status, out.errorText(), err)
					}
					code := change.code
					if change.record != nil {
						code = w.do(row)
						change.record(w.find(t, row))
					}
					out, err := w.svc.invoke(w.handler(code))
					if text := out.errorText(); err != nil || !strings.HasPrefix(text, "NonDeterminismError: ") ||
						!strings.Contains(text, change.want) {
						t.Errorf("got %s %q %v, want a NonDeterminismError with %s", out.Status, text, err, change.want)
					}
				})
			})
		}
	}
}

func otherType(t protocol.OperationType) (protocol.OperationType, string) {
	if t == protocol.TypeWait {
		return protocol.TypeStep, protocol.SubTypeStep
	}
	return protocol.TypeWait, protocol.SubTypeWait
}

// find is the record that the code is to differ from.
func (w *world) find(t *testing.T, row *operationRow) *protocol.Operation {
	t.Helper()
	known := row.known
	if known == "" {
		known = w.name
	}
	i := slices.IndexFunc(w.svc.ops, func(op *protocol.Operation) bool { return strings.HasPrefix(op.Name, known) })
	if i < 0 {
		t.Fatalf("no operation called %q is recorded: %q", known, w.recorded())
	}
	return w.svc.ops[i]
}

func testDeadContext(t *testing.T, row *operationRow) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		var dead durable.Context
		out := w.svc.run(w.handler(func(ctx durable.Context) (string, error) {
			if _, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
				dead = ctx
				return "", nil
			}); err != nil {
				return "", err
			}
			return row.run(dead, w)
		}))
		if got := out.errorText(); !strings.HasPrefix(got, "MisuseError: perdure: ") || !strings.Contains(got, "its context is over") {
			t.Errorf("got %s %q, want a MisuseError that says that the context is over", out.result(), got)
		}
	})
}

func testBadName(t *testing.T, row *operationRow) {
	for _, name := range []string{strings.Repeat("n", protocol.MaxName+1), "two\nlines"} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.name = name
			out := w.svc.run(w.handler(w.do(row)))
			if got := out.errorText(); !strings.Contains(got, "perdure: "+row.call+" ") || !strings.Contains(got, "name") {
				t.Errorf("got %s %q, want an error of %s about the name", out.result(), got, row.call)
			}
		})
	}
}
