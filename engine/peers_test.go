package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/protocol"
)

// names are those of the nodes that an error says can do it.
func namesOf(t *testing.T, err error) (names []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	there, ok := errors.AsType[*engine.ElsewhereError](err)
	if !ok {
		t.Fatalf("got %v, want an ElsewhereError", err)
	}
	if !protocol.HasCode(err, protocol.CodeNotReady) && !protocol.HasCode(err, protocol.CodeNotFound) {
		t.Errorf("got %v, want a refusal in it", err)
	}
	for _, n := range there.Nodes {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return names
}

// TestWhoElseCan: a node says which others can run a function that it cannot run itself, at once as far as it can know,
// and that none can when they are gone.
func TestWhoElseCan(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		here := func(n int, want ...string) {
			t.Helper()
			if got := namesOf(t, f.nodes[n].Functions().Here(t.Context(), "plain", "")); !slices.Equal(got, want) {
				t.Errorf("node %d: got %q, want %q", n+1, got, want)
			}
		}
		for _, n := range f.nodes[:2] {
			n.register(engine.Function{Name: "plain", Timeout: time.Minute, Concurrency: 100,
				Invoker: invoker{n.fixture, func(*call) engine.Outcome { return engine.Outcome{Payload: []byte("1")} }}})
		}
		time.Sleep(5 * time.Second)
		here(0)
		here(1)
		here(2, "node-1", "node-2")
		_, err := f.nodes[2].Call(t.Context(), &engine.InvokeRequest{Function: "plain"})
		if got := namesOf(t, err); len(got) != 2 {
			t.Errorf("a call: got %q, want two nodes", got)
		}
		if err := f.nodes[2].Functions().Here(t.Context(), "nosuch", ""); !protocol.HasCode(err, protocol.CodeNotFound) {
			t.Errorf("got %v, want %s", err, protocol.CodeNotFound)
		}
		f.nodes[0].close()
		f.nodes = f.nodes[1:]
		time.Sleep(5 * time.Second)
		here(1, "node-2")
		f.nodes[0].Functions().Unregister("plain", "")
		time.Sleep(5 * time.Second)
		if err := f.nodes[1].Functions().Here(t.Context(), "plain", ""); !protocol.HasCode(err, protocol.CodeNotFound) {
			t.Errorf("got %v, want %s", err, protocol.CodeNotFound)
		}
	})
}

// TestWhereWorkersAre: a node without workers of a function leads callers to one that has some, new workers to one where
// they may attach, and says in explanations that others run it.
func TestWhereWorkersAre(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		hubs := []*attached.Hub{{}, {}}
		for i, hub := range hubs {
			for _, durable := range []*engine.DurableConfig{nil, {ExecutionTimeout: time.Hour, RetentionDays: 1}} {
				name := fmt.Sprint("far-", durable != nil)
				f.nodes[i].register(engine.Function{Name: name, Timeout: time.Minute, Concurrency: 1, Durable: durable,
					Invoker: hub.Function(attached.Settings{Name: name, Timeout: time.Minute})})
			}
		}
		time.Sleep(5 * time.Second)
		attach := func(n *engine.Node) bool { return slices.Contains(n.Attach, "far-false") }
		refusal := protocol.Errorf(protocol.CodeNotFound, "no")
		if got := namesOf(t, f.nodes[2].Elsewhere(t.Context(), attach, refusal)); !slices.Equal(got, []string{"node-1", "node-2"}) {
			t.Errorf("got %q, want the nodes to which workers attach", got)
		}
		for _, name := range []string{"far-false", "far-true"} {
			id, _, err := hubs[1].Join(name, "here")
			if err != nil {
				t.Fatal(err)
			}
			beat := time.NewTicker(time.Second)
			over := make(chan struct{})
			go func() {
				for {
					select {
					case <-beat.C:
						hubs[1].Beat(id, nil)
					case <-over:
						hubs[1].Leave(id)
						return
					}
				}
			}()
			defer close(over)
		}
		time.Sleep(8 * time.Second)
		for _, n := range []int{0, 2} {
			if got := namesOf(t, f.nodes[n].Functions().Here(t.Context(), "far-false", "")); !slices.Equal(got, []string{"node-2"}) {
				t.Errorf("node %d: got %q, want the node with the worker", n+1, got)
			}
		}
		f.nodes[0].start("far-true", "runs", "1")
		time.Sleep(5 * time.Second) // it has the only place
		waits := f.nodes[2].start("far-true", "waits", "1")
		time.Sleep(5 * time.Second)
		for _, n := range []int{0, 2} {
			e, err := f.nodes[n].Explain(t.Context(), waits)
			if err != nil || len(e.Reasons) == 0 || !strings.Contains(e.Reasons[0].Text, "another node of the fleet") {
				t.Errorf("node %d: got %+v, %v, want another node", n+1, e, err)
			}
		}
	})
}

// TestVouching: a node's word holds for one text, at every node of its fleet, for a minute.
func TestVouching(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		word := a.Vouch("this")
		if !b.Vouched("this", word) || b.Vouched("that", word) || b.Vouched("this", "") || b.Vouched("this", word+"x") {
			t.Error("a word does not hold for its text, or for another one")
		}
		stranger, err := engine.Open(context.Background(), memstore.New(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer stranger.Close(context.Background())
		if b.Vouched("this", stranger.Vouch("this")) {
			t.Error("a stranger's word holds")
		}
		time.Sleep(time.Minute)
		if b.Vouched("this", word) {
			t.Error("a word holds for longer than a minute")
		}
	})
}
