package adminapi_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/core/store/memstore"
)

// TestOneNode: an engine that is alone with its store is one node.
func TestOneNode(t *testing.T) {
	w := newWorld(t)
	w.register(t, "order", `{"Status":"SUCCEEDED"}`)
	got, err := w.client.Nodes(t.Context())
	want := []adminapi.Node{{Self: true, State: engine.NodeAlive,
		Functions: []adminapi.NodeFunction{{FunctionName: "order", Version: "$LATEST", Concurrency: 100}}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// TestNodes: each node tells of all, which of them it is, and what they can run; one that left is no longer alive.
func TestNodes(t *testing.T) {
	st := memstore.NewFleet()
	open := func(name string) (*engine.Engine, *client.Client) {
		e, err := engine.Open(t.Context(), st, &engine.Options{Node: engine.NodeOptions{
			Name: name, URL: "http://" + name, Version: "v-" + name}})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(adminapi.New(e, e.Functions(), nil))
		t.Cleanup(server.Close)
		return e, &client.Client{Endpoint: server.URL}
	}
	one, first := open("one")
	defer one.Close(context.Background())
	two, second := open("two")
	for asked, c := range map[string]*client.Client{"one": first, "two": second} {
		got, err := c.Nodes(t.Context())
		want := []adminapi.Node{
			{Name: "one", URL: "http://one", Version: "v-one", Self: asked == "one", State: engine.NodeAlive,
				Functions: []adminapi.NodeFunction{}},
			{Name: "two", URL: "http://two", Version: "v-two", Self: asked == "two", State: engine.NodeAlive,
				Functions: []adminapi.NodeFunction{}},
		}
		byName := cmpopts.SortSlices(func(a, b adminapi.Node) bool { return a.Name < b.Name }) // both joined just now
		ignored := cmpopts.IgnoreFields(adminapi.Node{}, "ID", "Joined", "Until", "LagSeconds")
		if diff := cmp.Diff(want, got, ignored, byName); err != nil || diff != "" {
			t.Errorf("%s: error %v (-want +got):\n%s", asked, err, diff)
		}
		for _, n := range got {
			if n.ID == "" || n.Joined == 0 || time.Duration(n.Until-n.Joined) < 0 {
				t.Errorf("%s: got %+v, want an id, and a lease that begins with the node", asked, n)
			}
		}
	}
	if err := two.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := first.Nodes(t.Context())
	if err != nil || len(got) == 0 {
		t.Errorf("after one left: got %+v, %v", got, err)
	}
	for _, n := range got {
		want := map[string]engine.NodeState{"one": engine.NodeAlive, "two": engine.NodeGone}[n.Name]
		if n.State != want {
			t.Errorf("after two left: got %+v, want it %s", n, want)
		}
	}
}
