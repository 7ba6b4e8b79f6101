package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// What can happen to the first of three nodes.
var blows = []struct {
	name string
	do   func(f *fleet, n *node)
}{
	{"it is cut off for good", func(f *fleet, n *node) { n.cut.Off() }},
	{"it is cut off for a moment", func(f *fleet, n *node) { n.cut.Off(); time.Sleep(3 * time.Second); n.cut.On() }},
	{"it is cut off for longer than its lease", func(f *fleet, n *node) {
		n.cut.Off()
		time.Sleep(13 * time.Second)
		n.cut.On()
	}},
	{"it may not write", func(f *fleet, n *node) { n.cut.ReadOnly(true); time.Sleep(20 * time.Second); n.cut.ReadOnly(false) }},
	{"it drains, and closes", func(f *fleet, n *node) {
		ctx, cancel := context.WithTimeout(f.t.Context(), 2*time.Second)
		defer cancel()
		n.Drain(ctx)
		n.shut()
	}},
	{"it closes", func(f *fleet, n *node) { n.shut() }},
	{"it closes, and can say nothing any more", func(f *fleet, n *node) { n.cut.Off(); n.shut() }},
	{"it closes while no commit succeeds", func(f *fleet, n *node) {
		f.store.Intercept(func([]store.Write, func() error) error { return errLost })
		n.shut()
		f.store.Intercept(nil)
	}},
	{"its functions are taken away", func(f *fleet, n *node) {
		for _, name := range []string{"main", "child", "plain"} {
			n.Functions().Unregister(name, "")
		}
	}},
	{"all are cut off for a minute", func(f *fleet, n *node) {
		for _, n := range f.nodes {
			n.cut.Off()
		}
		time.Sleep(time.Minute)
		for _, n := range f.nodes {
			n.cut.On()
		}
	}},
	{"commits take effect, and seem to fail", func(f *fleet, n *node) {
		f.store.Intercept(func(_ []store.Write, commit func() error) error { _ = commit(); return errLost })
		time.Sleep(1500 * time.Millisecond)
		f.store.Intercept(nil)
	}},
	{"hints get lost, and it is cut off", func(f *fleet, n *node) {
		for _, n := range f.nodes {
			n.cut.LoseHints()
		}
		n.cut.Off()
	}},
}

func (n *node) shut() {
	if err := n.Close(context.Background()); err != nil {
		n.t.Error(err)
	}
}

// Whatever happens to a node, and in whatever state an execution is then, the others end it, and no completed step
// runs again. The execution passes all states: it runs, waits for its next try, for a time that is near or far, for a
// child, for a call, and for a callback, and is paused.
func TestABlowInEachStateOfAnExecution(t *testing.T) {
	every := 710 * time.Millisecond
	if testing.Short() {
		every *= 8
	}
	for _, blow := range blows {
		t.Run(blow.name, func(t *testing.T) {
			for after := time.Duration(0); after < 14*time.Second; after += every {
				inFleet(t, 3, func(t *testing.T, f *fleet) {
					w := &itinerary{fleet: f, completed: map[string]int{}}
					w.register()
					arn := f.nodes[0].start("main", "", "")
					var passer sync.WaitGroup
					passer.Go(func() { w.passBy(arn) })
					time.Sleep(after)
					blow.do(f, f.nodes[0])
					f.ended(f.nodes[2], arn, 5*time.Minute)
					passer.Wait()
					w.check(after)
					if t.Failed() {
						t.Logf("the blow came after %v", after)
					}
				})
			}
		})
	}
}

// itinerary is the execution of [TestABlowInEachStateOfAnExecution].
type itinerary struct {
	*fleet
	mu        sync.Mutex
	completed map[string]int // how often each step was completed
	failed    bool
	callback  string
}

func (w *itinerary) step(c *call, id string, takes time.Duration) bool {
	if c.op(id).Status == protocol.StatusSucceeded {
		return true
	}
	time.Sleep(takes)
	done := c.step(id, "1")
	w.mu.Lock()
	defer w.mu.Unlock()
	if done {
		w.completed[c.ExecutionARN+id]++
	}
	return done
}

func (w *itinerary) register() {
	for _, n := range w.nodes {
		n.register(engine.Function{Name: "plain", Timeout: time.Minute, Invoker: invoker{n.fixture, func(*call) engine.Outcome {
			time.Sleep(time.Second)
			return engine.Outcome{Payload: []byte(`1`)}
		}}})
	}
	w.durable("child", 100, func(_ int, c *call) engine.Outcome {
		if !w.step(c, "1", time.Second) {
			return crash("refused")
		}
		return succeed("1")
	})
	w.durable("main", 100, func(_ int, c *call) engine.Outcome { return w.main(c) })
}

func (w *itinerary) main(c *call) engine.Outcome {
	if !w.step(c, "1", time.Second) || !w.step(c, "2", time.Second) {
		return crash("refused")
	}
	w.mu.Lock()
	first := !w.failed
	w.failed = true
	w.mu.Unlock()
	if first {
		return crash("once")
	}
	if !c.wait("3", 2) {
		return awaiting(c)
	}
	for _, invoked := range []string{"child", "plain"} {
		if c.op(invoked).ID == "" {
			c.checkpoint(invokeUpdate(invoked, invoked, `{}`))
		}
		if c.op(invoked).Status != protocol.StatusSucceeded {
			return awaiting(c)
		}
	}
	if c.op("4").ID == "" {
		c.checkpoint(protocol.Update{ID: "4", Type: protocol.TypeCallback, Action: protocol.ActionStart})
	}
	w.mu.Lock()
	w.callback = c.op("4").CallbackID
	w.mu.Unlock()
	if c.op("4").Status != protocol.StatusSucceeded || !c.wait("5", 60) {
		return awaiting(c)
	}
	if !w.step(c, "6", time.Second) {
		return crash("refused")
	}
	return succeed("1")
}

// awaiting ends an invocation that can do no more, unless it was told so by a checkpoint that failed.
func awaiting(c *call) engine.Outcome {
	if c.err != nil {
		return crash("refused")
	}
	return pending()
}

// passBy is who pauses and resumes the execution, and answers its callback, through the last node, until that works.
func (w *itinerary) passBy(arn string) {
	n := w.nodes[2]
	// until repeats an action until it succeeds, or is seen to have taken effect.
	until := func(done func(protocol.ExecutionStatus) bool, act func() error) {
		for try := 0; act() != nil && try < 300; try++ {
			if d, err := n.Describe(w.t.Context(), arn); err == nil && (done(d.Status) || d.Status.Closed()) {
				return
			}
			time.Sleep(time.Second)
		}
	}
	paused := func(s protocol.ExecutionStatus) bool { return s == protocol.ExecutionPaused }
	time.Sleep(9 * time.Second)
	until(paused, func() error { return n.Pause(w.t.Context(), &engine.PauseRequest{ARN: arn}) })
	time.Sleep(time.Second)
	until(func(s protocol.ExecutionStatus) bool { return !paused(s) }, func() error {
		return n.Resume(w.t.Context(), &engine.ResumeRequest{ARN: arn})
	})
	until(func(protocol.ExecutionStatus) bool { return false }, func() error {
		w.mu.Lock()
		id := w.callback
		w.mu.Unlock()
		if id == "" {
			return errors.New("there is none yet")
		}
		return n.SucceedCallback(w.t.Context(), id, []byte("1"))
	})
}

func (w *itinerary) check(after time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	for step, n := range w.completed {
		if n > 1 {
			w.t.Errorf("after %v: step %s was completed %d times", after, step, n)
		}
	}
	w.mu.Unlock()
	time.Sleep(30 * time.Second)
	nodes, err := w.nodes[2].Nodes(w.t.Context())
	if err != nil {
		w.t.Error(err)
	}
	for _, n := range nodes {
		if n.Owns > 0 {
			w.t.Errorf("after %v: node %s owns %d executions when all is done", after, n.Name, n.Owns)
		}
	}
}
