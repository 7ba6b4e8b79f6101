package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/core/store/storetest"
	"github.com/perdure/perdure/protocol"
)

// A node is an engine of a fleet, with a way to its store that can be cut.
type node struct {
	*fixture
	cut *storetest.Cut
}

// fleet is some nodes on one store.
type fleet struct {
	t     *testing.T
	store *memstore.Fleet
	nodes []*node
}

// inFleet runs a test with a fleet of n nodes under virtual time.
func inFleet(t *testing.T, n int, test func(t *testing.T, f *fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, store: memstore.NewFleet()}
		for range n {
			f.join()
		}
		defer func() {
			for _, n := range f.nodes {
				n.close()
			}
		}()
		test(t, f)
	})
}

// join adds a node, and waits until the others know of it.
func (f *fleet) join() *node {
	f.t.Helper()
	n := &node{fixture: &fixture{t: f.t, store: f.store.Store}, cut: storetest.NewCut(f.store)}
	n.front = n.cut
	n.opts.Node = engine.NodeOptions{Name: fmt.Sprintf("node-%d", len(f.nodes)+1), Lease: 10 * time.Second}
	n.open()
	f.nodes = append(f.nodes, n)
	time.Sleep(5 * time.Second)
	return n
}

// durable registers a function with each node. handle gets the number of the node, from 0.
func (f *fleet) durable(name string, concurrency int, handle func(node int, c *call) engine.Outcome) {
	f.t.Helper()
	for i, n := range f.nodes {
		n.register(engine.Function{
			Name: name, Timeout: time.Minute, Concurrency: concurrency,
			Invoker: invoker{n.fixture, func(c *call) engine.Outcome { return handle(i, c) }},
			Durable: &engine.DurableConfig{ExecutionTimeout: 300 * 24 * time.Hour, RetentionDays: 7},
		})
	}
	time.Sleep(5 * time.Second)
}

func (f *fleet) orders() {
	f.t.Helper()
	f.durable("order", 100, func(_ int, c *call) engine.Outcome { return order(c) })
}

func TestAnyNodeAnswersForAnExecution(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		f.orders()
		for i, n := range f.nodes {
			arn := n.start("order", fmt.Sprint("o", i), "1")
			began := time.Now()
			if r := f.nodes[(i+1)%3].result(arn); *r.Payload != `"done"` {
				t.Errorf("got %s, want done", *r.Payload)
			}
			if took := time.Since(began); took > 5*time.Second+100*time.Millisecond {
				t.Errorf("another node heard of the end after %v, want about 5 s", took)
			}
			if got := f.nodes[(i+2)%3].history(arn); got != orderHistory {
				t.Errorf("got %s, want %s", got, orderHistory)
			}
		}
	})
}

func TestANameIsTakenInTheWholeFleet(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		f.orders()
		var started atomic.Int32
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				s, err := f.nodes[i%3].Start(t.Context(), &engine.InvokeRequest{Function: "order", Name: "one"})
				if err != nil {
					t.Error(err)
				} else if !s.Existing {
					started.Add(1)
				}
			})
		}
		all.Wait()
		if n := started.Load(); n != 1 {
			t.Errorf("got %d executions, want 1", n)
		}
	})
}

// What a client did through one node counts for all others at once, although they have the execution in memory.
func TestNoNodeAnswersFromAnOldCopy(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("approval", 100, func(_ int, c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(protocol.Update{ID: "1", Type: protocol.TypeCallback, Action: protocol.ActionStart})
			}
			return pending()
		})
		arn := f.nodes[0].start("approval", "x", "")
		time.Sleep(time.Second)
		for i := range 20 {
			a, b := f.nodes[i%2], f.nodes[(i+1)%2]
			if err := a.Pause(t.Context(), &engine.PauseRequest{ARN: arn}); err != nil {
				t.Fatalf("round %d: pausing: %v", i, err)
			}
			if d, err := b.Describe(t.Context(), arn); err != nil || d.Status != protocol.ExecutionPaused {
				t.Fatalf("round %d: got %+v, %v, want PAUSED", i, d, err)
			}
			if err := b.Pause(t.Context(), &engine.PauseRequest{ARN: arn}); err == nil {
				t.Fatalf("round %d: a paused execution was paused", i)
			}
			if err := b.Resume(t.Context(), &engine.ResumeRequest{ARN: arn}); err != nil {
				t.Fatalf("round %d: resuming: %v", i, err)
			}
		}
		if _, err := f.nodes[0].Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.nodes[1].Delete(t.Context(), arn); err != nil {
			t.Fatal(err)
		}
		if d, err := f.nodes[0].Describe(t.Context(), arn); err == nil {
			t.Errorf("got %+v of a deleted execution, want an error", d)
		}
	})
}

func TestACallbackIsAnsweredThroughAnotherNode(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		ids := make(chan string, 1)
		f.durable("approval", 100, func(_ int, c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(protocol.Update{ID: "1", Type: protocol.TypeCallback, Action: protocol.ActionStart})
				ids <- c.op("1").CallbackID
			}
			if c.op("1").Status != protocol.StatusSucceeded {
				return pending()
			}
			return succeed(*c.op("1").Payload)
		})
		arn := f.nodes[0].start("approval", "", "")
		id := <-ids
		time.Sleep(time.Hour)
		began := time.Now()
		if err := f.nodes[2].SucceedCallback(t.Context(), id, []byte("yes")); err != nil {
			t.Fatal(err)
		}
		if r := f.nodes[1].result(arn); *r.Payload != "yes" {
			t.Errorf("got %q, want the callback's result", *r.Payload)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %v, want a moment", took)
		}
		if err := f.nodes[0].FailCallback(t.Context(), id, nil); err == nil {
			t.Error("the callback was completed twice")
		}
	})
}

// The node that invokes an execution vanishes from the store. Its function is broken off before another node repeats the
// step, and whatever it says later is refused.
func TestTheOthersGoOnForANodeThatIsCutOff(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		var mu sync.Mutex
		bodies := map[int][2]time.Time{} // of each node: from when to when
		at := make(chan int, 9)
		f.durable("slow", 100, func(node int, c *call) engine.Outcome {
			began := time.Now()
			if !c.step("1", `"before"`) {
				return crash("checkpoint refused")
			}
			at <- node
			select {
			case <-time.After(40 * time.Second):
			case <-c.ctx.Done():
			}
			mu.Lock()
			bodies[node] = [2]time.Time{began, time.Now()}
			mu.Unlock()
			if !c.step("2", `"after"`) {
				return crash("checkpoint refused")
			}
			return succeed(fmt.Sprint(node))
		})
		arn := f.nodes[0].start("slow", "", "")
		first := <-at
		f.nodes[first].cut.Off()
		second := <-at
		f.nodes[first].cut.On()
		r := f.nodes[(first+1)%3].result(arn)
		if first == second || *r.Payload != fmt.Sprint(second) {
			t.Errorf("node %d began, node %d went on, the result is of node %s", first, second, *r.Payload)
		}
		if bodies[second][0].Before(bodies[first][1]) {
			t.Errorf("the node that was cut off ran its function until %v, the other began at %v",
				bodies[first][1], bodies[second][0])
		}
		time.Sleep(30 * time.Second)
		nodes, err := f.nodes[first].Nodes(t.Context())
		if err != nil || len(nodes) != 4 {
			t.Errorf("got %d nodes, %v, want the dead one and three", len(nodes), err)
		}
		for _, n := range nodes {
			if n.Owns != 0 {
				t.Errorf("node %+v owns something when all is done", n)
			}
		}
	})
}

// A wait of hours outlives the node on which it began, and costs nobody anything.
func TestSleepersBelongToNobody(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("sleeper", 1000, func(node int, c *call) engine.Outcome {
			if !c.wait("1", 3*3600) {
				return pending()
			}
			return succeed(fmt.Sprint(node))
		})
		var arns []string
		for i := range 300 {
			arns = append(arns, f.nodes[0].start("sleeper", fmt.Sprint("s", i), ""))
		}
		time.Sleep(time.Minute)
		if nodes, err := f.nodes[0].Nodes(t.Context()); err != nil || nodes[0].Owns+nodes[1].Owns != 0 {
			t.Errorf("got %+v, %v, want nodes that own nothing", nodes, err)
		}
		f.nodes[0].close()
		f.nodes = f.nodes[1:]
		time.Sleep(3 * time.Hour)
		for _, arn := range arns {
			if r := f.nodes[0].result(arn); *r.Payload != "1" {
				t.Errorf("node %s ended a sleeper, want 1", *r.Payload)
			}
		}
		late := f.nodes[0].Stats().Late
		if late.Count() == 0 || late.Sum/float64(late.Count()) > 0.5 {
			t.Errorf("sleepers were looked at %v s late on average, want less than half a second",
				late.Sum/float64(late.Count()))
		}
	})
}

// A node that ends in order hands over what waits, and lets end what runs.
func TestADrainingNodeHandsOver(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("slow", 2, func(node int, c *call) engine.Outcome {
			time.Sleep(5 * time.Second)
			return succeed(fmt.Sprint(node))
		})
		var arns []string
		for i := range 20 {
			arns = append(arns, f.nodes[0].start("slow", fmt.Sprint("s", i), ""))
		}
		began := time.Now()
		if left := f.nodes[0].Drain(t.Context()); left != 0 || time.Since(began) > 6*time.Second {
			t.Errorf("draining left %d invocations after %v", left, time.Since(began))
		}
		f.nodes[0].close()
		f.nodes = f.nodes[1:]
		for _, arn := range arns {
			f.nodes[0].result(arn)
		}
		if took := time.Since(began); took > 70*time.Second {
			t.Errorf("20 executions of 5 s at 2 places took %v, want about 50 s", took)
		}
		for _, arn := range arns {
			if got := f.nodes[0].history(arn); got != "ExecutionStarted InvocationCompleted ExecutionSucceeded" {
				t.Errorf("got %s, want one invocation", got)
			}
		}
	})
}

// While nodes come and go, no more invocations run than the function may have, and all places are used.
func TestConcurrencyHoldsForTheFleet(t *testing.T) {
	const places = 7
	inFleet(t, 1, func(t *testing.T, f *fleet) {
		var mu sync.Mutex
		running, most := 0, 0
		handle := func(c *call) engine.Outcome {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			select {
			case <-time.After(time.Second):
			case <-c.ctx.Done(): // a node that is cut off breaks it off
			}
			mu.Lock()
			running--
			mu.Unlock()
			return succeed("1")
		}
		f.durable("busy", places, func(_ int, c *call) engine.Outcome { return handle(c) })
		const executions = 700
		for i := range executions {
			f.nodes[0].start("busy", fmt.Sprint("b", i), "")
		}
		began := time.Now()
		for range 3 {
			n := f.join()
			n.register(engine.Function{Name: "busy", Concurrency: places, Timeout: time.Minute,
				Invoker: invoker{n.fixture, handle},
				Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour, RetentionDays: 7}})
			time.Sleep(10 * time.Second)
		}
		f.nodes[0].cut.Off()
		time.Sleep(20 * time.Second)
		f.nodes[0].cut.On()
		f.nodes[1].Drain(t.Context())
		for {
			if open, err := f.nodes[2].CountOpen(t.Context()); err != nil || len(open) == 0 {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(began); most > places || took > 150*time.Second {
			t.Errorf("up to %d ran at one time in %v, want %d, and all done in little more than %d s",
				most, took, places, executions/places)
		}
	})
}

// A node starts executions of functions that only another one has.
func TestFunctionsOfOtherNodes(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.nodes[1].durable("there", order)
		time.Sleep(5 * time.Second)
		arn := f.nodes[0].start("there", "", "")
		if r := f.nodes[0].result(arn); *r.Payload != `"done"` {
			t.Errorf("got %s, want done", *r.Payload)
		}
		if c, err := f.nodes[0].Functions().Configuration(t.Context(), "there", ""); err != nil || c.State != engine.StateActive {
			t.Errorf("got %+v, %v, want an active function", c, err)
		}
		f.nodes[1].Functions().Unregister("there", "")
		time.Sleep(5 * time.Second)
		_, err := f.nodes[0].Start(t.Context(), &engine.InvokeRequest{Function: "there"})
		wantRefusal(t, err, "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:000000000000:function:there:$LATEST")
	})
}

// An alias that was moved through one node is followed by the others at once.
func TestAliasesHoldForTheFleet(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		for _, n := range f.nodes {
			for _, version := range []string{"1", "2"} {
				n.register(engine.Function{Name: "f", Version: version,
					Invoker: invoker{n.fixture, func(c *call) engine.Outcome { return succeed(version) }},
					Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}})
			}
		}
		time.Sleep(5 * time.Second)
		one := "1"
		live := &engine.AliasChange{Function: "f", Name: "live", Version: &one}
		if _, err := f.nodes[0].Functions().CreateAlias(t.Context(), live); err != nil {
			t.Fatal(err)
		}
		_, err := f.nodes[1].Functions().CreateAlias(t.Context(), live)
		if coded, ok := errors.AsType[*protocol.Error](err); !ok || coded.Code != protocol.CodeConflict {
			t.Errorf("the same alias made by another node: got %v, want a conflict", err)
		}
		for i := range 20 {
			version := fmt.Sprint(i%2 + 1)
			a, b := f.nodes[i%2], f.nodes[(i/2)%2]
			live.Version = &version
			if _, err := a.Functions().UpdateAlias(t.Context(), live); err != nil {
				t.Fatal(err)
			}
			arn := b.start("f:live", fmt.Sprint("x", i), "")
			if r := b.result(arn); *r.Payload != version {
				t.Errorf("round %d: an execution ran on version %s, want %s", i, *r.Payload, version)
			}
		}
	})
}

// A child that runs on one node, and its parent on another, find each other; and a plain function is called by a node
// that has it.
func TestChainedInvokesInAFleet(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		f.nodes[1].durable("child", order)
		f.nodes[2].register(engine.Function{Name: "plain", Timeout: time.Minute,
			Invoker: invoker{f.nodes[2].fixture, func(*call) engine.Outcome { return engine.Outcome{Payload: []byte(`2`)} }}})
		f.nodes[0].durable("parent", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(invokeUpdate("1", "child", `{}`), invokeUpdate("2", "plain", `2`))
			}
			if c.op("1").Status == protocol.StatusStarted || c.op("2").Status == protocol.StatusStarted {
				return pending()
			}
			return succeed(*c.op("1").Payload + *c.op("2").Payload)
		})
		time.Sleep(5 * time.Second)
		began := time.Now()
		r := f.nodes[1].result(f.nodes[2].start("parent", "", ""))
		if *r.Payload != `"done"2` {
			t.Errorf("got %s, want both results", *r.Payload)
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %v, want little more than the child's 5 s", took)
		}
	})
}

// Without hints everything happens all the same, a little later.
func TestAFleetWithoutHints(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		for _, n := range f.nodes {
			n.cut.LoseHints()
		}
		f.nodes[1].durable("there", order)
		time.Sleep(20 * time.Second)
		began := time.Now()
		f.nodes[0].result(f.nodes[0].start("there", "", ""))
		if took := time.Since(began); took > 9*time.Second {
			t.Errorf("it took %v, want a few seconds more than 5", took)
		}
	})
}

// A database that is away for long is waited for: nodes come back, and everything ends.
func TestTheStoreIsAwayForMinutes(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("steps", 100, func(_ int, c *call) engine.Outcome {
			for i := range 20 {
				time.Sleep(time.Second)
				if !c.step(fmt.Sprint(i+1), "1") {
					return crash("checkpoint refused: " + c.err.Error())
				}
			}
			return succeed("1")
		})
		var arns []string
		for i := range 50 {
			arns = append(arns, f.nodes[i%2].start("steps", fmt.Sprint("s", i), ""))
		}
		time.Sleep(5 * time.Second)
		for _, n := range f.nodes {
			n.cut.Off()
		}
		time.Sleep(5 * time.Minute)
		if _, err := f.nodes[0].Start(t.Context(), &engine.InvokeRequest{Function: "steps"}); err == nil {
			t.Error("an execution was started without a store")
		}
		if err := f.nodes[0].Ready(t.Context()); err == nil {
			t.Error("a node without a store is ready")
		}
		for _, n := range f.nodes {
			n.cut.On()
		}
		for _, arn := range arns {
			if r := f.nodes[0].result(arn); r.Status != protocol.ExecutionSucceeded {
				t.Errorf("got %+v, want SUCCEEDED", r)
			}
		}
	})
}

// The store comes back without its latest commits, as after a failover to a replica that lagged behind. Nothing is stuck.
func TestTheStoreLosesItsLatestCommits(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("steps", 100, func(_ int, c *call) engine.Outcome {
			for i := range 6 {
				time.Sleep(time.Second)
				if !c.step(fmt.Sprint(i+1), "1") {
					return crash("checkpoint refused: " + c.err.Error())
				}
			}
			if !c.wait("7", 3) {
				return pending()
			}
			return succeed("1")
		})
		var arns []string
		for i := range 40 {
			time.Sleep(300 * time.Millisecond)
			arns = append(arns, f.nodes[i%2].start("steps", fmt.Sprint("s", i), ""))
		}
		old := f.store.Copy()
		time.Sleep(4 * time.Second)
		f.store.Restore(old)
		for _, arn := range arns {
			if r := f.nodes[1].result(arn); r.Status != protocol.ExecutionSucceeded {
				t.Errorf("got %+v, want SUCCEEDED", r)
			}
		}
	})
}

// Nodes go by the database's clock, whatever their machines say.
func TestNodesWhoseClocksAreWrong(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.nodes[0].SetClock(7 * time.Minute)
		f.nodes[1].SetClock(-3 * time.Hour)
		f.orders()
		for i, n := range f.nodes {
			began := time.Now()
			arn := n.start("order", fmt.Sprint("o", i), "")
			f.nodes[1-i].result(arn)
			if took := time.Since(began); took < 5*time.Second || took > 5*time.Second+200*time.Millisecond {
				t.Errorf("an order with a wait of 5 s took %v", took)
			}
			d, err := n.Describe(t.Context(), arn)
			if err != nil || d.Started.Time().Sub(began).Abs() > 10*time.Millisecond {
				t.Errorf("it started at %v, want %v", d.Started.Time(), began)
			}
		}
	})
}

// Each commit of a node is lost once to another writer, fails once before, and once after it took effect.
func TestCommitsOfAFleetFail(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("order", 100, func(_ int, c *call) engine.Outcome {
			c.wait("3", 1) // before the steps: its checkpoint may fail
			if c.err != nil {
				return crash("checkpoint refused")
			}
			return order(c)
		})
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(1, 2))
		f.store.Intercept(func(_ []store.Write, commit func() error) error {
			mu.Lock()
			kind := random.IntN(4)
			mu.Unlock()
			switch kind {
			case 1:
				return errors.New("before")
			case 2:
				return cmp.Or(commit(), errors.New("after"))
			}
			return commit()
		})
		var arns []string
		for i := range 40 {
			for {
				s, err := f.nodes[i%2].Start(t.Context(), &engine.InvokeRequest{Function: "order", Name: fmt.Sprint("o", i)})
				if err == nil {
					arns = append(arns, s.ARN)
					break
				}
			}
		}
		for _, arn := range arns {
			if r := f.nodes[0].result(arn); r.Status != protocol.ExecutionSucceeded {
				t.Errorf("got %+v, want SUCCEEDED", r)
			}
		}
		f.store.Intercept(nil)
	})
}

func TestNodesAreListed(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.orders()
		nodes, err := f.nodes[1].Nodes(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range nodes {
			names = append(names, fmt.Sprintf("%s alive=%t self=%t %+v", n.Name, n.Alive, n.Self, n.Functions))
		}
		want := []string{
			"node-1 alive=true self=false [{Name:order Version:$LATEST Concurrency:50 Waiting:false Absent:false}]",
			"node-2 alive=true self=true [{Name:order Version:$LATEST Concurrency:50 Waiting:false Absent:false}]",
		}
		if !slices.Equal(names, want) {
			t.Errorf("got %q, want %q", names, want)
		}
	})
}

// Whoever waits for an execution that the store has lost is told so.
func TestWaitForAnExecutionThatIsLost(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("slow", 100, func(_ int, c *call) engine.Outcome {
			for i := range 1000 {
				time.Sleep(time.Second)
				if !c.step(fmt.Sprint(i+1), "1") {
					return crash("checkpoint refused: " + c.err.Error())
				}
			}
			return succeed("1")
		})
		old := f.store.Copy()
		arn := f.nodes[0].start("slow", "", "")
		lost := make(chan error, 2)
		for _, n := range f.nodes {
			go func() {
				_, err := n.Wait(t.Context(), arn)
				lost <- err
			}()
		}
		time.Sleep(5500 * time.Millisecond)
		f.store.Restore(old)
		began := time.Now()
		for range f.nodes {
			wantRefusal(t, <-lost, "ResourceNotFoundException: Durable Execution does not exist")
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("they were told after %v, want a few seconds at most", took)
		}
	})
}

// A function that may run once at a time in the whole fleet is called through each node: the place goes where somebody
// waits for it.
func TestTheOnlyPlaceGoesWhereItIsWanted(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		var running atomic.Int32
		for _, n := range f.nodes {
			n.register(engine.Function{Name: "single", Timeout: time.Minute, Concurrency: 1,
				Invoker: invoker{n.fixture, func(*call) engine.Outcome {
					if running.Add(1) > 1 {
						t.Error("two run at one time")
					}
					time.Sleep(time.Second)
					running.Add(-1)
					return engine.Outcome{Payload: []byte(`1`)}
				}}})
		}
		time.Sleep(5 * time.Second)
		for i := range 9 {
			began := time.Now()
			if _, err := f.nodes[i%3].Call(t.Context(), &engine.InvokeRequest{Function: "single"}); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 1500*time.Millisecond {
				t.Errorf("call %d took %v, want little more than a second", i, took)
			}
		}
		var all sync.WaitGroup
		began := time.Now()
		for i := range 9 {
			all.Go(func() {
				if _, err := f.nodes[i%3].Call(t.Context(), &engine.InvokeRequest{Function: "single"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("nine calls at one time took %v, want about 9 s", took)
		}
	})
}

// A node at which no worker is attached leaves the places, and the work, to the others.
func TestWorkersAreAtOneNode(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		gates := []gate{}
		for i, n := range f.nodes {
			g := gate{invoker{n.fixture, func(*call) engine.Outcome { return succeed(fmt.Sprint(i)) }}, make(chan struct{})}
			gates = append(gates, g)
			n.register(engine.Function{Name: "guest", Invoker: g, Concurrency: 10,
				Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}})
		}
		var arns []string
		for i := range 20 {
			arns = append(arns, f.nodes[i%2].start("guest", fmt.Sprint("g", i), ""))
		}
		time.Sleep(10 * time.Second)
		close(gates[1].open)
		began := time.Now()
		for _, arn := range arns {
			if r := f.nodes[0].result(arn); *r.Payload != "1" {
				t.Errorf("got the result of node %s, want that of 1", *r.Payload)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v after a worker came, want a few seconds", took)
		}
		nodes, err := f.nodes[0].Nodes(t.Context())
		if err != nil || !nodes[0].Functions[0].Absent || nodes[1].Functions[0].Concurrency != 10 {
			t.Errorf("got %+v, %v, want all places at the second node", nodes, err)
		}
	})
}

// A node that has just joined has its share of a function's places within moments.
func TestANewNodeHasItsShareSoon(t *testing.T) {
	inFleet(t, 1, func(t *testing.T, f *fleet) {
		f.orders()
		n := &node{fixture: &fixture{t: f.t, store: f.store.Store}, cut: storetest.NewCut(f.store)}
		n.front = n.cut
		n.opts.Node = engine.NodeOptions{Name: "new", Lease: 10 * time.Second}
		n.open()
		f.nodes = append(f.nodes, n)
		time.Sleep(100 * time.Millisecond) // its functions are being built
		n.durable("order", order)
		time.Sleep(100 * time.Millisecond)
		nodes, err := n.Nodes(t.Context())
		if err != nil || len(nodes) != 2 {
			t.Fatalf("got %+v, %v, want two nodes", nodes, err)
		}
		for _, one := range nodes {
			if one.Functions[0].Concurrency != 50 {
				t.Errorf("node %s has %d places, want 50", one.Name, one.Functions[0].Concurrency)
			}
		}
	})
}
