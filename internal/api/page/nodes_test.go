package page

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
)

// TestNodesPage: all nodes are on the page of each; what they call themselves is text, and no link that runs code.
func TestNodesPage(t *testing.T) {
	st := memstore.NewFleet()
	var last *engine.Engine
	for _, n := range []engine.NodeOptions{
		{Name: "<b>one</b>", URL: "javascript:alert(1)", Version: "v1"}, {Name: "two", URL: "http://two:3001", Version: "v2"},
	} {
		e, err := engine.Open(t.Context(), st, &engine.Options{Node: n})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(context.Background())
		last = e
	}
	server := httptest.NewServer(New(last, last.Functions(), nil))
	defer server.Close()
	f := &fixture{t: t, engine: last, server: server}
	body := f.get("/ui/engine", http.StatusOK)
	for _, want := range []string{"&lt;b&gt;one", `href="http://two:3001/ui/">two</a> (answers you)`, "v1", "v2", "alive"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, `"javascript:`) || strings.Contains(body, "<b>one") {
		t.Errorf("the page has code of a node's:\n%s", body)
	}
}
