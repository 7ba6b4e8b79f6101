package durable

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/perdure/perdure/protocol"
)

var compensationKind = &kind{call: "compensation", typ: protocol.TypeContext, subType: protocol.SubTypeRunInChildContext}

// graphRun is a Graph under way. It numbers its operations itself: task i is number 2i+1, and its compensation
// number 2i+2, so that another task at the end moves nothing.
type graphRun struct {
	graph  *Graph
	name   string
	codecs errorCodecs
	scope  *scope
	waiter *waiter // guarded by the run's mutex
}

// do runs the tasks, and compensates them if one fails.
func (g *graphRun) do(s *scope) error {
	g.scope = s
	s.count = 2 * len(g.graph.nodes)
	for more := true; more; more = g.wait() {
		for g.launchReady() {
		}
	}
	g.checkReached()
	failed := g.failed()
	if failed == nil {
		return nil
	}
	return &GraphError{Name: g.name, Task: failed.name, Err: failed.err, Uncompensated: g.compensate()}
}

// failed is the first task, in the order of addition, that fails the graph.
func (g *graphRun) failed() *node {
	for _, n := range g.graph.nodes {
		if n.is(nodeFailed) && !n.may {
			return n
		}
	}
	return nil
}

// undecided is the error of a condition; it is not recorded.
func (g *graphRun) undecided() error {
	for _, n := range g.graph.nodes {
		if n.is(nodeFailed) && n.task == nil {
			return n.err
		}
	}
	return nil
}

// launchReady begins, or skips, the tasks that wait for nothing. It reports whether one of them has ended already,
// so that more may be ready.
func (g *graphRun) launchReady() (more bool) {
	for _, n := range g.graph.nodes {
		if n.is(nodeWaiting) && g.ready(n) {
			g.launch(n)
			more = more || n.hasEnded()
		}
	}
	return more
}

// ready reports whether a task may begin. After a failure only those that had begun before it may.
func (g *graphRun) ready(n *node) bool {
	if g.scope.recordOf(n.number()).op == nil && g.failed() != nil {
		return false
	}
	return !slices.ContainsFunc(n.deps, func(d *node) bool { return !d.hasEnded() })
}

func (n *node) number() int { return 2*n.index + 1 }

func (g *graphRun) operation(k *kind, name string, number int) operation {
	o := operation{kind: k, scope: g.scope, ctx: g.scope, name: name, number: number, known: g.scope.recordOf(number)}
	o.check()
	return o
}

func (g *graphRun) launch(n *node) {
	wanted, err := n.wanted()
	switch {
	case err != nil:
		n.err = err
		n.state.Store(nodeFailed)
		return
	case !wanted:
		n.state.Store(nodeSkipped)
		return
	}
	t := newTask(g.operation(graphTaskKind, n.name, n.number()))
	n.task = t
	n.state.Store(nodeRunning)
	t.begin(func() {
		err := n.work(&t.operation)
		t.complete(err, func() {})
	})
	r := g.scope.run
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.settled {
		n.collect()
		return
	}
	t.watchers = append(t.watchers, func() {
		n.collect()
		r.wakeJoinLocked(g.waiter)
	})
}

// collect notes the end of the task.
func (n *node) collect() {
	n.err = n.task.err
	if n.err != nil {
		n.state.Store(nodeFailed)
	} else {
		n.state.Store(nodeSucceeded)
	}
}

// wanted asks the condition.
func (n *node) wanted() (wanted bool, err error) {
	if len(n.deps) > 0 && !slices.ContainsFunc(n.deps, func(d *node) bool { return !d.is(nodeSkipped) }) {
		return false, nil
	}
	if n.when == nil {
		return true, nil
	}
	_, err = recovered(func() (string, error) {
		wanted = n.when()
		return "", nil
	})
	return wanted, err
}

// wait blocks until a running task ends, unless one has since the last look. It reports false if none is running,
// and none may begin.
func (g *graphRun) wait() bool {
	r := g.scope.run
	r.lockFor(g.scope)
	running := false
	for _, n := range g.graph.nodes {
		if n.is(nodeWaiting) && g.ready(n) {
			r.mu.Unlock()
			return true
		}
		running = running || n.is(nodeRunning)
	}
	if !running {
		r.mu.Unlock()
		return false
	}
	g.waiter = newWaiter(g.scope)
	r.joinLocked(g.waiter, g)
	return true
}

func (g *graphRun) awaits() string { return graphKind.describe(g.name) }

// checkReached fails the run if a task is recorded that the code does not get to.
func (g *graphRun) checkReached() {
	for _, n := range g.graph.nodes {
		if op := g.scope.recordOf(n.number()).op; op != nil && n.task == nil {
			g.scope.run.fail(&nonDeterminism{ID: op.ID, Recorded: shapeOf(op), Err: g.undecided()})
		}
	}
}

// compensationConfig ignores the user's Serdes: there are no values.
var compensationConfig = childConfig{serdes: JSON}

// compensate undoes the tasks that succeeded, and returns the errors of failed compensations.
func (g *graphRun) compensate() (errs []error) {
	for _, n := range slices.Backward(g.graph.nodes) {
		if !n.is(nodeSucceeded) || n.undo == nil {
			continue
		}
		o := g.operation(compensationKind, n.name+compensationSuffix, n.number()+1)
		_, err := childResult(&o, &compensationConfig, func(ctx Context) (struct{}, error) { return struct{}{}, n.undo(ctx) })
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// graphErrorData is the recorded data of a GraphError.
type graphErrorData struct {
	Task          string                  `json:"task"`
	Error         *protocol.ErrorObject   `json:"error"`
	Uncompensated []*protocol.ErrorObject `json:"uncompensated,omitempty"`
}

func (g *graphRun) encode(err error) *protocol.ErrorObject {
	obj := g.codecs.encode(err)
	e, ok := err.(*GraphError)
	if !ok {
		return obj
	}
	data := graphErrorData{Task: e.Task, Error: g.codecs.encode(e.Err)}
	for _, err := range e.Uncompensated {
		data.Uncompensated = append(data.Uncompensated, g.codecs.encode(err))
	}
	obj.ErrorType, obj.ErrorData = "GraphError", ownMark+data.fitted()
	return obj
}

const maxGraphData = protocol.MaxInlineResult - len(ownMark)

// fitted is the data as JSON, within the limit: it leaves out first the data of errors, then compensations.
func (d *graphErrorData) fitted() string {
	text, _ := json.Marshal(d) // texts: cannot fail
	if len(text) <= maxGraphData {
		return string(text)
	}
	for _, obj := range append(d.Uncompensated, d.Error) {
		obj.ErrorData, obj.StackTrace = "", nil
	}
	text, _ = json.Marshal(d)
	for len(text) > protocol.MaxInlineResult && len(d.Uncompensated) > 0 {
		d.Uncompensated = d.Uncompensated[:len(d.Uncompensated)/2]
		text, _ = json.Marshal(d)
	}
	return string(text)
}

func (d *graphErrorData) read(data string) bool {
	text, own := strings.CutPrefix(data, ownMark)
	return own && json.Unmarshal([]byte(text), d) == nil
}

func (g *graphRun) decode(obj *protocol.ErrorObject) error {
	var data graphErrorData
	if obj == nil || obj.ErrorType != "GraphError" || !data.read(obj.ErrorData) {
		return g.codecs.contextFailed(g.name, obj)
	}
	e := &GraphError{Name: g.name, Task: data.Task, Err: g.codecs.decode(data.Error)}
	for _, obj := range data.Uncompensated {
		e.Uncompensated = append(e.Uncompensated, g.codecs.decode(obj))
	}
	return e
}
