package durable_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// A random workflow, under a service of which random calls are lost, must end,
// and must never see something else than it saw before.

// part is one operation of a random workflow, with what is inside of it.
type part struct {
	id    int
	kind  string
	n     int // seconds, attempts, items: whatever the kind makes of it
	fails bool
	large bool // its result is not recorded, but computed again
	parts []part
}

var leafKinds = []string{"nothing", "step", "step", "wait", "version", "now", "condition", "callback", "invoke"}

var groupKinds = []string{
	"child", "virtual", "timed", "futures", "all", "any", "race", "settled", "select", "left", "canceled",
	"map", "flat", "quorum", "graph", "retry", "saga",
}

// drawPart draws an operation with at most depth levels inside.
func drawPart(rt *rapid.T, depth int, next *int) part {
	*next++
	p := part{id: *next, n: rapid.IntRange(1, 5).Draw(rt, "n"), fails: rapid.IntRange(0, 5).Draw(rt, "fails") == 0}
	if depth == 0 || rapid.Bool().Draw(rt, "leaf") {
		p.kind = rapid.SampledFrom(leafKinds).Draw(rt, "kind")
		return p
	}
	p.kind = rapid.SampledFrom(groupKinds).Draw(rt, "kind")
	p.large = rapid.IntRange(0, 7).Draw(rt, "large") == 0
	for range rapid.IntRange(1, 4).Draw(rt, "parts") {
		p.parts = append(p.parts, drawPart(rt, depth-1, next))
	}
	return p
}

func drawWorkflow(rt *rapid.T) part {
	next := 0
	workflow := part{kind: "child"}
	for range rapid.IntRange(1, 4).Draw(rt, "parts") {
		workflow.parts = append(workflow.parts, drawPart(rt, 3, &next))
	}
	return workflow
}

func (p part) String() string {
	s := fmt.Sprintf("%d:%s(%d", p.id, p.kind, p.n)
	if p.fails {
		s += " fails"
	}
	if p.large {
		s += " large"
	}
	for _, inner := range p.parts {
		s += " " + inner.String()
	}
	return s + ")"
}

// memory is what all invocations together saw.
type memory struct {
	mu     sync.Mutex
	saw    map[string]string
	errors []string
}

// sees compares what an operation came to with what it came to before.
func (m *memory) sees(at, what string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, ok := m.saw[at]; ok && before != what {
		m.errors = append(m.errors, fmt.Sprintf("%s came to %.500s, and before to %.500s", at, what, before))
	}
	m.saw[at] = what
	return what
}

func (m *memory) ends(at, value string, err error) (string, error) {
	if err != nil {
		m.sees(at, "error "+err.Error())
		return "", err
	}
	return m.sees(at, value), nil
}

// run runs the operation; at says where it is.
func (m *memory) run(ctx durable.Context, p part, at string) (string, error) {
	at = fmt.Sprintf("%s/%d-%s", at, p.id, p.kind)
	v, err := m.call(ctx, p, at)
	return m.ends(at, v, err)
}

// runAll runs what is inside of an operation, one after the other.
func (m *memory) runAll(ctx durable.Context, p part, at string) (string, error) {
	var list []string
	for _, inner := range p.parts {
		v, err := m.run(ctx, inner, at)
		if err != nil {
			v = "failed"
		}
		list = append(list, v)
	}
	if p.fails {
		return "", errItem
	}
	if p.large {
		list = append(list, padding)
	}
	return strings.Join(list, ","), nil
}

var padding = strings.Repeat("x", 260<<10)

func (m *memory) call(ctx durable.Context, p part, at string) (string, error) {
	name := p.kind + fmt.Sprint(p.id)
	seconds := time.Duration(p.n) * time.Second
	inside := func(ctx durable.Context) (string, error) { return m.runAll(ctx, p, at) }
	branch := func(i int) func(durable.Context) (string, error) {
		return func(ctx durable.Context) (string, error) {
			v, err := m.run(ctx, p.parts[i], at)
			if p.large {
				v += padding
			}
			return v, err
		}
	}
	switch p.kind {
	case "nothing":
		if p.fails {
			return "", errItem
		}
		return name, nil
	case "step":
		return durable.Step(ctx, name, func(ctx context.Context) (string, error) {
			if p.n > 3 {
				time.Sleep(time.Second)
			}
			if p.fails || durable.Attempt(ctx) < p.n-3 {
				return "", errItem
			}
			return name, nil
		}, durable.WithRetry(retry.Fixed(p.n, time.Second)))
	case "wait":
		return name, durable.Wait(ctx, name, seconds)
	case "version":
		return fmt.Sprint(durable.Version(ctx, name, p.n)), nil
	case "now":
		return durable.Now(ctx).String() + durable.UUID(ctx), nil
	case "condition":
		n, err := durable.WaitForCondition(ctx, name, 0, func(_ context.Context, n int) (int, bool, error) {
			return n + 1, n+1 >= p.n, nil
		}, durable.WithPolling(retry.Fixed(4, time.Second)))
		return fmt.Sprint(n), err
	case "callback":
		return durable.WaitForCallback[string](ctx, name, func(context.Context, string) error { return nil }, durable.WithTimeout(3*time.Second))
	case "invoke":
		return durable.Function[int, string]{Name: fmt.Sprint("after-", p.n)}.Invoke(ctx, name, p.n)
	case "child":
		return durable.RunInChildContext(ctx, name, inside)
	case "virtual":
		return durable.RunInChildContext(ctx, name, inside, durable.WithVirtual())
	case "timed":
		return durable.RunInChildContext(ctx, name, inside, durable.WithTimeout(seconds))
	case "retry":
		return durable.Retry(ctx, name, func(ctx durable.Context, attempt int) (string, error) {
			return m.runAll(ctx, p, fmt.Sprint(at, "-attempt-", attempt))
		}, durable.WithRetry(retry.Fixed(2, time.Second)))
	case "saga":
		return durable.RunSaga(ctx, name, func(ctx durable.Context, saga *durable.Saga) (string, error) {
			saga.Compensate("undo", func(context.Context) error { return nil })
			return m.runAll(ctx, p, at)
		})
	case "map", "flat", "quorum":
		opts := []durable.BatchOption{durable.WithToleratedFailurePercentage(100), durable.WithMaxConcurrency(p.n)}
		switch p.kind {
		case "flat":
			opts = append(opts, durable.WithFlat())
		case "quorum":
			opts = []durable.BatchOption{durable.WithMinSuccessful(1)}
		}
		r, err := durable.Map(ctx, name, p.parts, func(ctx durable.Context, inner part, _ int) (string, error) {
			v, err := m.run(ctx, inner, at)
			if p.large {
				v += padding
			}
			return v, err
		}, opts...)
		return fmt.Sprint(r.Items, r.Reason), err
	case "graph":
		return m.graph(ctx, p, name, branch)
	}
	var futures []*durable.Future[string]
	for i := range p.parts {
		var opts []durable.ChildOption
		if p.fails && i%2 == 1 {
			opts = append(opts, durable.WithVirtual())
		}
		futures = append(futures, durable.Go(ctx, fmt.Sprint(name, "-", i), branch(i), opts...))
	}
	return m.combine(ctx, p, name, at, futures)
}

func (m *memory) graph(ctx durable.Context, p part, name string, branch func(int) func(durable.Context) (string, error)) (string, error) {
	g := new(durable.Graph)
	var tasks []*durable.Task[string]
	for i := range p.parts {
		task := durable.AddTask(g, fmt.Sprint("task", i), branch(i)).Compensate(func(ctx durable.Context, _ string) error {
			return second(durable.Step(ctx, "undo", one))
		})
		if i > 0 && (i+p.n)%2 == 0 {
			task.After(tasks[i-1])
		}
		if p.fails {
			task.Optional()
		}
		tasks = append(tasks, task)
	}
	if err := g.Run(ctx, name); err != nil {
		return "", err
	}
	var list []string
	for _, task := range tasks {
		list = append(list, fmt.Sprint(task.Value(), task.Err()))
	}
	return strings.Join(list, ","), nil
}

func (m *memory) combine(ctx durable.Context, p part, name, at string, futures []*durable.Future[string]) (string, error) {
	switch p.kind {
	case "all":
		list, err := durable.All(ctx, name, futures...)
		return strings.Join(list, ","), err
	case "any":
		return durable.Any(ctx, name, futures...)
	case "race":
		return durable.Race(ctx, name, futures...)
	case "settled":
		list, err := durable.AllSettled(ctx, name, futures...)
		return fmt.Sprint(list), err
	case "select":
		var some []durable.Awaitable
		for _, f := range futures {
			some = append(some, f)
		}
		i, err := durable.Select(ctx, name, some...)
		return fmt.Sprint(i), err
	case "left":
		return name, durable.Wait(ctx, name, time.Second)
	case "canceled":
		for i, f := range futures {
			if i%2 == 0 {
				if err := f.Cancel(ctx); err != nil {
					return "", err
				}
			}
		}
	}
	var list []string
	for i, f := range futures {
		v, err := f.Result(ctx)
		// What was canceled before it was recorded has nothing to go by.
		if p.kind != "canceled" {
			m.ends(fmt.Sprint(at, "-result-", i), v, err)
		}
		list = append(list, v+fmt.Sprint(err))
	}
	return strings.Join(list, ","), nil
}

// faulty collects what a service complains about.
type faulty struct {
	testing.TB
	errors *[]string
}

func (f faulty) Helper()                      {}
func (f faulty) Context() context.Context     { return context.Background() }
func (f faulty) Error(args ...any)            { *f.errors = append(*f.errors, fmt.Sprint(args...)) }
func (f faulty) Errorf(s string, args ...any) { f.Error(fmt.Sprintf(s, args...)) }
func (f faulty) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }
func (f faulty) Fatalf(s string, args ...any) { panic(fmt.Sprintf(s, args...)) }

func TestRandomWorkflows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		workflow := drawWorkflow(rt)
		lost := rapid.SliceOfN(rapid.IntRange(1, 40), 0, 4).Draw(rt, "lost")
		killed := rapid.SliceOfN(rapid.IntRange(0, 30), 0, 4).Draw(rt, "killed")
		pipelined := rapid.IntRange(0, 3).Draw(rt, "pipelined") == 0
		m := &memory{saw: make(map[string]string)}
		var out output
		bubble(t, func(t *testing.T) { out = m.execute(workflow, lost, killed, pipelined) })
		m.errors = slices.DeleteFunc(m.errors, isLateCancel)
		if len(m.errors) > 0 || out.Status != protocol.InvocationSucceeded {
			rt.Fatalf("%s\nlost calls %v, killed after %v, pipelined %t: %s %s\n%s", workflow, lost, killed, pipelined, out.Status, out.errorText(), strings.Join(m.errors, "\n"))
		}
	})
}

// isLateCancel reports whether a wait ended while the call that cancels it was under way. The service refuses the call
// then, the invocation fails, and the next one knows that the wait has ended.
func isLateCancel(complaint string) bool {
	return strings.Contains(complaint, "Cannot cancel a WAIT that does not exist or has already completed.")
}

// execute runs a workflow to its end. Calls are lost before, if their number is
// even, or after the service took them in; the first invocations are killed after
// so many tenths of a second.
func (m *memory) execute(workflow part, lost, killed []int, pipelined bool) (out output) {
	svc := newService(faulty{errors: &m.errors}, "{}")
	defer func() {
		if v := recover(); v != nil {
			m.errors = append(m.errors, fmt.Sprint(v))
		}
	}()
	svc.answers(succeeds(2*time.Second, "answer"))
	svc.targets = make(map[string]func(string) settling)
	for n := range 6 {
		svc.targets[fmt.Sprint("after-", n)] = func(string) settling {
			return succeeds(time.Duration(n)*time.Second, fmt.Sprintf(`"%d s later"`, n))
		}
	}
	lose := func(call, side int) error {
		for _, n := range lost {
			if n == call && n%2 == side {
				return errNowhere
			}
		}
		return nil
	}
	svc.before = func(call int) error { return lose(call, 0) }
	svc.after = func(call int, _ *protocol.CheckpointReply) error { return lose(call, 1) }
	opts := []durable.HandlerOption{durable.WithErrors(durable.ErrorValue("Item", errItem))}
	if pipelined {
		opts = append(opts, durable.WithPipelining())
	}
	h := handle(svc, func(ctx durable.Context) (string, error) {
		if pipelined { // what was not durable may come differently
			m.mu.Lock()
			m.saw = make(map[string]string)
			m.mu.Unlock()
		}
		return m.runAll(ctx, workflow, "")
	}, opts...)
	for _, tenths := range killed {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(tenths)*time.Second/10)
		out, err := svc.invokeWith(ctx, h)
		cancel()
		switch {
		case err != nil:
			time.Sleep(time.Second)
		case out.Status != protocol.InvocationPending:
			return out
		default:
			svc.sleep()
		}
	}
	return svc.run(h)
}
