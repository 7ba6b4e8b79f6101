package fleet

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/protocol"
)

// ticks are the signs of life of a step, by node.
type ticks struct {
	mu   sync.Mutex
	last map[string]time.Time
	runs []string // the nodes that began it, in order
}

func (c *ticks) begin(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs = append(c.runs, node)
}

func (c *ticks) tick(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last[node] = time.Now()
}

func (c *ticks) of(node string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[node]
}

// TestPartition takes the database away from the node that runs a step. The node stops the step within its lease, and
// then another one repeats it. What the first one wants to record later is refused.
func TestPartition(t *testing.T) {
	for name, fault := range map[string]func(*link){
		"refused":   (*link).refuse,
		"dropped":   func(l *link) { l.drop("both") },
		"half-open": func(l *link) { l.drop("downstream") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			partition(t, fault)
		})
	}
}

func partition(t *testing.T, fault func(*link)) {
	faults := newTimeline(t)
	links, addresses := linked(t, faults, 2)
	c := &ticks{last: map[string]time.Time{}}
	release := make(chan struct{})
	var nodes []*node
	for n, address := range addresses {
		name := fmt.Sprintf("node %d", n)
		nodes = append(nodes, openNode(t, &nodeOptions{name: name, store: openStore(t, address),
			register: func(t *testing.T, e *engine.Engine) {
				register(t, e, "ticking", func(ctx durable.Context, _ string) (string, error) {
					return durable.Step(ctx, "tick", func(ctx context.Context) (string, error) {
						c.begin(name)
						for {
							select {
							case <-ctx.Done():
								return "", ctx.Err()
							case <-release:
								return name, nil
							case <-time.After(10 * time.Millisecond):
								c.tick(name)
							}
						}
					})
				})
			}}))
	}
	out, err := nodes[0].Invoke(t.Context(), &client.Invocation{Function: "ticking", Name: "one"})
	if err != nil {
		t.Fatal(err)
	}
	first := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.runs) == 0 {
			return -1
		}
		return slices.IndexFunc(nodes, func(n *node) bool { return n.name == c.runs[0] })
	}
	until(t, "the step's begin", func(int) bool { return first() >= 0 && !c.of(nodes[first()].name).IsZero() })
	away, other := nodes[first()], nodes[1-first()]
	cut := time.Now()
	fault(links[first()])
	until(t, "the step's begin on the other node", func(int) bool { return !c.of(other.name).IsZero() })
	took, lived := time.Since(cut), c.of(away.name).Sub(cut)
	t.Logf("the isolated node's step went on for %v, the other node took over after %v",
		lived.Round(time.Millisecond), took.Round(time.Millisecond))
	if lived > lease {
		t.Errorf("the isolated node's step went on for %v, want at most the lease of %v", lived, lease)
	}
	if took > 10*lease { // a lease and a beat, on a machine that does nothing else
		t.Errorf("the other node took over after %v, want at most %v", took, 10*lease)
	}
	time.Sleep(lease)
	if late := c.of(away.name); late.Sub(cut) > lease {
		t.Errorf("the isolated node ran the step %v after it was cut off", late.Sub(cut))
	}
	links[first()].heal()
	close(release)
	for _, n := range nodes { // the isolated node answers again, and what it answers is true
		until(t, "the end as "+n.name+" tells it", func(int) bool {
			x, err := n.Execution(t.Context(), out.ARN)
			return err == nil && x.Status == protocol.ExecutionSucceeded && *x.Result == fmt.Sprintf("%q", other.name)
		})
	}
	if want := []string{away.name, other.name}; !slices.Equal(c.runs, want) {
		t.Errorf("the step was begun by %q, want %q", c.runs, want)
	}
}
