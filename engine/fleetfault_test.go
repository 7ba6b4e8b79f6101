package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/storetest"
	"github.com/perdure/perdure/protocol"
)

var errLost = errors.New("the way to the store broke")

// ended fails the test unless an execution succeeds within a time, as node n sees it.
func (f *fleet) ended(n *node, arn string, within time.Duration) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), within)
	defer cancel()
	if r, err := n.Wait(ctx, arn); err != nil || r.Status != protocol.ExecutionSucceeded {
		f.t.Errorf("within %v: got %+v, %v, want SUCCEEDED; its history is %s", within, r, err, n.history(arn))
	}
}

// A node that closes cannot record the end of an invocation. Another one goes on with that execution at once.
func TestTheEndOfANodeIsNotRecorded(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("slow", 100, func(node int, c *call) engine.Outcome {
			if node == 0 {
				<-c.ctx.Done()
				return crash("broken off")
			}
			return succeed("1")
		})
		arn := f.nodes[0].start("slow", "", "")
		time.Sleep(time.Second)
		f.store.Intercept(func([]store.Write, func() error) error { return errLost })
		if err := f.nodes[0].Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.store.Intercept(nil)
		f.nodes = f.nodes[1:]
		f.ended(f.nodes[0], arn, 5*time.Second)
	})
}

// An execution waits at a node for its next try, and meanwhile other nodes get all places of the function.
func TestANodeLosesThePlacesForWhichItsExecutionsWait(t *testing.T) {
	inFleet(t, 1, func(t *testing.T, f *fleet) {
		first := f.nodes[0]
		handle := func(_ int, c *call) engine.Outcome {
			if d, err := first.Describe(t.Context(), c.ExecutionARN); err == nil && time.Since(d.Started.Time()) < time.Minute {
				return crash("later")
			}
			return succeed("1")
		}
		f.durable("few", 2, handle)
		arn := f.nodes[0].start("few", "", "")
		time.Sleep(6 * time.Second)
		for range 5 {
			f.join()
		}
		f.durable("few", 2, handle)
		f.ended(f.nodes[0], arn, 2*time.Minute)
	})
}

// A function leaves a node, at which executions of it wait for their next try. Other nodes have it, and go on with them.
func TestAFunctionLeavesANode(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("f", 100, func(node int, c *call) engine.Outcome {
			if node == 0 {
				return crash("not here")
			}
			return succeed("1")
		})
		arn := f.nodes[0].start("f", "", "")
		time.Sleep(500 * time.Millisecond)
		f.nodes[0].Functions().Unregister("f", "")
		f.ended(f.nodes[1], arn, 30*time.Second)
	})
}

// The store lost the very beat with which a node joined. What that node commits before it finds out is its own, who is
// none.
func TestTheStoreLosesANode(t *testing.T) {
	inFleet(t, 0, func(t *testing.T, f *fleet) {
		old := f.store.Copy()
		f.join()
		f.orders()
		f.store.Restore(old)
		arn := f.nodes[0].start("order", "", "")
		f.ended(f.nodes[0], arn, time.Minute)
	})
}

// While a store takes no writes, but answers, a node asks it now and then.
func TestTheStoreIsReadOnlyForMinutes(t *testing.T) {
	inFleet(t, 1, func(t *testing.T, f *fleet) {
		f.durable("f", 100, func(_ int, c *call) engine.Outcome { return crash("again") })
		for i := range 20 {
			f.nodes[0].start("f", fmt.Sprint("x", i), "")
		}
		time.Sleep(5 * time.Second)
		f.nodes[0].cut.ReadOnly(true)
		before := f.nodes[0].cut.Asked()
		time.Sleep(5 * time.Minute)
		if asked := f.nodes[0].cut.Asked() - before; asked > 300*20*4 {
			t.Errorf("a node without a lease asked the store %d times in 300 s", asked)
		}
		f.nodes[0].cut.ReadOnly(false)
	})
}

// A node with many function versions that has nothing to do asks the store a few times a second.
func TestAnIdleNodeAsksLittle(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		for i := range 200 {
			f.nodes[0].register(engine.Function{
				Name: "f", Version: fmt.Sprint(i + 1), Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
				Invoker: invoker{f.nodes[0].fixture, func(*call) engine.Outcome { return succeed("1") }},
			})
		}
		time.Sleep(time.Minute)
		before := f.nodes[0].cut.Asked()
		time.Sleep(100 * time.Second)
		if asked := f.nodes[0].cut.Asked() - before; asked > 400 {
			t.Errorf("got %.1f questions in a second, want 4 at most", float64(asked)/100)
		}
	})
}

// A node that drains makes no call any more, and hands over those that it has not begun; others make none twice.
func TestADrainingNodeHandsOverCalls(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		var made atomic.Int32
		for _, n := range f.nodes {
			n.register(engine.Function{
				Name: "plain", Timeout: time.Minute, Concurrency: 40,
				Invoker: invoker{n.fixture, func(*call) engine.Outcome {
					made.Add(1)
					time.Sleep(20 * time.Second)
					return engine.Outcome{Payload: []byte(`1`)}
				}},
			})
		}
		f.durable("parent", 100, func(_ int, c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(invokeUpdate("1", "plain", `{}`), protocol.Update{
					ID: "2", Type: protocol.TypeWait, Action: protocol.ActionStart, WaitOptions: &protocol.WaitOptions{WaitSeconds: 25}})
			}
			if c.op("1").Status == protocol.StatusStarted {
				return pending()
			}
			return succeed("1")
		})
		var arns []string
		for i := range 6 {
			arns = append(arns, f.nodes[0].start("parent", fmt.Sprint("p", i), ""))
		}
		time.Sleep(time.Second)
		go f.nodes[0].Drain(context.Background())
		for _, arn := range arns {
			f.ended(f.nodes[1], arn, 4*time.Minute)
		}
		if n := made.Load(); n != 6 {
			t.Errorf("%d calls were made, want 6", n)
		}
	})
}

// headcount counts how many run at one time.
type headcount struct{ now, most atomic.Int32 }

func (a *headcount) run(takes time.Duration) {
	n := a.now.Add(1)
	defer a.now.Add(-1)
	for most := a.most.Load(); n > most && !a.most.CompareAndSwap(most, n); most = a.most.Load() {
	}
	time.Sleep(takes)
}

// Invocations outlive the lease of their node, which comes back at once. Their places are at other nodes by then, so
// none is used again.
func TestPlacesOfALeaseThatWasLost(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		var all headcount
		f.durable("f", 8, func(_ int, c *call) engine.Outcome {
			all.run(15 * time.Second)
			return succeed("1")
		})
		start := func(from, to int) {
			for i := from; i < to; i++ {
				f.nodes[i%2].start("f", fmt.Sprint("x", i), "")
			}
		}
		start(0, 8)
		time.Sleep(time.Second)
		f.nodes[0].cut.Off()
		time.Sleep(11 * time.Second) // what ran here runs on for three seconds
		f.nodes[0].cut.On()
		start(8, 100)
		time.Sleep(4 * time.Second)
		all.most.Store(0) // what ran while the node was cut off is repeated, so there are more for a while
		time.Sleep(15 * time.Minute)
		if most := all.most.Load(); most > 8 {
			t.Errorf("up to %d ran at one time, want 8", most)
		}
	})
}

// A version that is replaced again and again runs no more often at one time than it may.
func TestPlacesOfAVersionThatIsReplaced(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		var all headcount
		handle := func(_ int, c *call) engine.Outcome {
			all.run(7 * time.Second)
			return succeed("1")
		}
		f.durable("f", 8, handle)
		var arns []string
		for i := range 100 {
			arns = append(arns, f.nodes[i%2].start("f", fmt.Sprint("x", i), ""))
		}
		for i := range 10 {
			f.durable("f", 4+4*(i%2), handle)
		}
		for _, arn := range arns {
			f.ended(f.nodes[0], arn, 10*time.Minute)
		}
		if most := all.most.Load(); most > 8 {
			t.Errorf("up to %d ran at one time, want 8", most)
		}
	})
}

// Workers of a function are attached to one node only, whichever that is: that has the only place.
func TestThePlaceGoesWhereWorkersAre(t *testing.T) {
	for worker := range 3 {
		inFleet(t, 3, func(t *testing.T, f *fleet) {
			for i, n := range f.nodes {
				g := gate{invoker{n.fixture, func(*call) engine.Outcome { return succeed("1") }}, make(chan struct{})}
				if i == worker {
					close(g.open)
				}
				n.register(engine.Function{Name: "f", Timeout: time.Minute, Concurrency: 1, Invoker: g,
					Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}})
			}
			time.Sleep(15 * time.Second)
			for i, n := range f.nodes {
				f.ended(n, n.start("f", fmt.Sprint("x", i), ""), 30*time.Second)
			}
		})
	}
}

// A caller waits for a place of a version that is replaced meanwhile.
func TestACallWaitsForAVersionThatIsReplaced(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		register := func(n *node) {
			n.register(engine.Function{Name: "f", Timeout: time.Minute, Concurrency: 1,
				Invoker: invoker{n.fixture, func(*call) engine.Outcome {
					time.Sleep(10 * time.Second)
					return engine.Outcome{Payload: []byte(`1`)}
				}}})
		}
		register(f.nodes[0])
		register(f.nodes[1])
		time.Sleep(5 * time.Second)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				if _, err := f.nodes[i%2].Call(ctx, &engine.InvokeRequest{Function: "f"}); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Second)
		register(f.nodes[0])
		register(f.nodes[1])
		all.Wait()
	})
}

// A node that has a function replaces it by another one of that name. The other nodes go by what it is now.
func TestSettingsOfFunctionsOfOtherNodes(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		for _, timeout := range []time.Duration{time.Hour, 2 * time.Hour} {
			f.nodes[1].register(engine.Function{
				Name: "there", Invoker: invoker{f.nodes[1].fixture, order},
				Durable: &engine.DurableConfig{ExecutionTimeout: timeout},
			})
			time.Sleep(5 * time.Second)
			c, err := f.nodes[0].Functions().Configuration(t.Context(), "there", "")
			if err != nil || c.Durable.ExecutionTimeout != timeout {
				t.Errorf("got %+v, %v, want an execution timeout of %v", c, err, timeout)
			}
		}
	})
}

// A version is deleted by a node that has not heard yet of another one, which has just come. It does not vanish at once.
func TestAVersionIsDeletedWhenANodeHasJustJoined(t *testing.T) {
	inFleet(t, 1, func(t *testing.T, f *fleet) {
		f.nodes[0].cut.LoseHints()
		f.nodes[0].durable("order", order)
		time.Sleep(4*time.Second + time.Millisecond) // its last beat was a moment ago
		late := &node{fixture: &fixture{t: t, store: f.store.Store}, cut: storetest.NewCut(f.store)}
		late.front = late.cut
		late.opts.Node = engine.NodeOptions{Name: "late", Lease: 10 * time.Second}
		late.open()
		f.nodes = append(f.nodes, late)
		draining, err := f.nodes[0].Functions().DeleteFunction(t.Context(), "order", "")
		if err != nil || !draining {
			t.Errorf("got %t, %v, want a function that stays until the other node has heard of it", draining, err)
		}
	})
}

// The store lost what a node has in memory, and another node put something else in its place, with the same numbers.
func TestLostCommitsAreReplacedByOthers(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		var mu sync.Mutex
		callback := ""
		f.durable("f", 100, func(_ int, c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(protocol.Update{ID: "1", Type: protocol.TypeCallback, Action: protocol.ActionStart})
				mu.Lock()
				callback = c.op("1").CallbackID
				mu.Unlock()
			}
			if c.op("1").Status != protocol.StatusSucceeded || !c.wait("2", 3600) {
				return pending()
			}
			return succeed(*c.op("1").Payload)
		})
		arn := f.nodes[0].start("f", "", "")
		time.Sleep(time.Second)
		old := f.store.Copy()
		if err := f.nodes[0].SucceedCallback(t.Context(), callback, []byte("lost")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		f.nodes[0].cut.Off()
		f.store.Restore(old)
		if err := f.nodes[1].SucceedCallback(t.Context(), callback, []byte("kept")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		f.nodes[0].cut.On()
		time.Sleep(5 * time.Second)
		f.nodes[1].close()
		f.nodes = f.nodes[:1]
		if r := f.nodes[0].result(arn); *r.Payload != "kept" {
			t.Errorf("got %q, which the store had lost, want what came in its place", *r.Payload)
		}
	})
}
