package durable

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/perdure/perdure/protocol"
)

// Graph is a set of tasks that depend on each other; the zero value has none. It
// is made, and run once, in each run of the code that uses it:
//
//	g := new(durable.Graph)
//	stock := durable.AddTask(g, "reserve", reserve).Compensate(release)
//	money := durable.AddTask(g, "charge", charge).Compensate(refund)
//	durable.AddTask(g, "ship", func(ctx durable.Context) (Parcel, error) {
//		return ship(ctx, stock.Value(), money.Value())
//	}).After(stock, money)
//	if err := g.Run(ctx, "order"); err != nil {
//		return err // what had been done has been compensated
//	}
type Graph struct {
	nodes []*node
	begun bool
	err   error // of building it
}

// Task is one task of a [Graph].
type Task[T any] struct {
	*node
	value T
}

// AnyTask is a [Task] of any type.
type AnyTask interface{ graphNode() *node }

// node is a task of any type.
type node struct {
	graph *Graph
	index int
	name  string
	deps  []*node
	when  func() bool
	work  func(o *operation) error // runs the task
	undo  func(ctx Context) error  // compensates it
	may   bool                     // it may fail without failing the graph
	state atomic.Int32             // a nodeState
	task  *task
	err   error
}

// The states of a node.
const (
	nodeWaiting = iota
	nodeRunning
	nodeSucceeded
	nodeFailed
	nodeSkipped
)

func (n *node) is(state int32) bool { return n.state.Load() == state }

// hasEnded reports whether later tasks need not wait for this one.
func (n *node) hasEnded() bool { return !n.is(nodeWaiting) && !n.is(nodeRunning) }

func (n *node) graphNode() *node { return n }

// AddTask adds a task. fn runs in a context of its own, as in [Go], and may use any operations. The name is as for
// [Step]; names may repeat. Mistakes are errors of [Graph.Run].
func AddTask[T any](g *Graph, name string, fn func(Context) (T, error)) *Task[T] {
	t := &Task[T]{node: &node{graph: g, index: len(g.nodes), name: name}}
	g.nodes = append(g.nodes, t.node)
	if fn == nil {
		g.mistake("task %q: %w", name, errNilFunction)
	} else if err := validateName(name + compensationSuffix); err != nil {
		g.mistake("task %q: %w", name, err)
	}
	t.work = func(o *operation) error {
		v, err := childResult(o, &defaultChild, fn)
		t.value = v
		return err
	}
	return t
}

const compensationSuffix = "-compensation"

// After makes the task wait for others to end. It runs unless all of them were skipped.
func (t *Task[T]) After(others ...AnyTask) *Task[T] {
	for _, other := range others {
		if other == nil || other.graphNode().graph != t.graph {
			t.graph.mistake("task %q comes after a task that is not of this graph", t.name)
			continue
		}
		t.deps = append(t.deps, other.graphNode())
	}
	return t
}

// When makes the task run only if condition returns true; otherwise it is skipped. condition is called once the
// tasks before this one have ended, and may use their values. It must return the same on every run.
func (t *Task[T]) When(condition func() bool) *Task[T] {
	if condition == nil {
		t.graph.mistake("task %q: the condition is nil", t.name)
	}
	t.when = condition
	return t
}

// Compensate sets how to undo the task: if the graph fails after the task has succeeded, undo runs with its value,
// in a context of its own called <name>-compensation. Put all effects into steps, with enough retries: an undo that
// fails is not tried again.
func (t *Task[T]) Compensate(undo func(ctx Context, value T) error) *Task[T] {
	if undo == nil {
		t.graph.mistake("task %q: the compensation is nil", t.name)
		return t
	}
	t.undo = func(ctx Context) error { return undo(ctx, t.value) }
	return t
}

// Optional lets the task fail without failing the graph: later tasks run, and may look at its error. So if a task
// must run whatever becomes of others, add it after them and make them optional.
func (t *Task[T]) Optional() *Task[T] {
	t.may = true
	return t
}

// Err returns the error of the task; nil if it succeeded or was skipped. The rules of Value apply.
func (t *Task[T]) Err() error {
	t.mustHaveEnded("error")
	return t.err
}

// Value returns the result of the task. Tasks after it, directly or not, may call it, and code after the graph. It
// is the zero value if the task failed or was skipped, or the graph has failed. It panics if the task has not
// ended, which would differ from run to run.
func (t *Task[T]) Value() T {
	t.mustHaveEnded("value")
	if !t.is(nodeSucceeded) {
		var zero T
		return zero
	}
	return t.value
}

func (n *node) mustHaveEnded(what string) {
	if !n.hasEnded() {
		panic(fmt.Sprintf("perdure: task %q has not ended: ask for its %s in tasks that come After it, or after the graph", n.name, what))
	}
}

// Skipped reports whether the task was skipped. The rules of Value apply.
func (t *Task[T]) Skipped() bool { return t.is(nodeSkipped) }

// GraphError is the error of [Graph.Run] when a task failed.
type GraphError struct {
	Name string // of the graph
	Task string // the first failed one, in the order of addition
	Err  error
	// Uncompensated holds the errors of compensations that failed.
	Uncompensated []error
}

func (e *GraphError) Error() string {
	text := fmt.Sprintf("graph %q: task %q failed: %v", e.Name, e.Task, e.Err)
	if len(e.Uncompensated) > 0 {
		var undone []string
		for _, err := range e.Uncompensated {
			undone = append(undone, err.Error())
		}
		text += "; and could not be compensated: " + strings.Join(undone, "; ")
	}
	return text
}

// Unwrap returns the errors of the task and of the compensations.
func (e *GraphError) Unwrap() []error { return append([]error{e.Err}, e.Uncompensated...) }

func (g *Graph) mistake(format string, args ...any) {
	g.err = errors.Join(g.err, fmt.Errorf(format, args...))
}

// order fails if tasks wait for each other.
func (g *Graph) order() error {
	done := make([]bool, len(g.nodes))
	for range g.nodes {
		for _, n := range g.nodes {
			done[n.index] = done[n.index] || !hasOpen(n.deps, done)
		}
	}
	var stuck []string
	for _, n := range g.nodes {
		if !done[n.index] {
			stuck = append(stuck, fmt.Sprintf("%q", n.name))
		}
	}
	if stuck != nil {
		return fmt.Errorf("the tasks %s come after each other", strings.Join(stuck, ", "))
	}
	return nil
}

func hasOpen(deps []*node, done []bool) bool {
	for _, d := range deps {
		if !done[d.index] {
			return true
		}
	}
	return false
}

var (
	graphKind     = &kind{call: "Graph.Run", typ: protocol.TypeContext, subType: subTypeGraph}
	graphTaskKind = &kind{call: "task", typ: protocol.TypeContext, subType: subTypeTask}
)

// The subtypes are those of the other SDKs' graphs.
const (
	subTypeGraph = "Dag"
	subTypeTask  = "DagTask"
)

var errGraphReused = errors.New("the graph has run already; make one in each run of the code")

// Run runs the tasks: each begins as soon as those before it have ended, and independent ones run at the same time.
//
// When a task fails that is not [Task.Optional], no further tasks begin; those under way run to their end, because
// their effects must be known. Then the tasks that succeeded are compensated, one after the other, the last added
// first, and the error is a [*GraphError].
//
// The graph is recorded as a context with one context for each task that ran, numbered in the order of addition;
// later runs take the values from there. A failed graph is recorded with its error. No task is retried: put work to
// retry into a step.
func (g *Graph) Run(ctx Context, name string) error {
	err := g.err
	if err == nil {
		err = g.order()
	}
	if err == nil && g.begun {
		err = errGraphReused
	}
	o, err := graphKind.begin(ctx, name, err)
	if err != nil {
		return err
	}
	g.begun = true
	defer o.end()
	run := &graphRun{graph: g, name: name, codecs: o.scope.run.cfg.errors}
	c := newChildRun(&o)
	c.large = true // later runs take the values from the tasks
	c.encode, c.wrap = run.encode, run.decode
	err = c.do(func(s *scope) (string, error) { return "", run.do(s) })
	if err != nil {
		for _, n := range g.nodes {
			n.state.Store(nodeFailed)
		}
	}
	return err
}
