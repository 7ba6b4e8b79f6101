package host_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
)

// plainly is a plain function.
type plainly func(ctx context.Context, inv *engine.Invocation) engine.Outcome

func (p plainly) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	return p(ctx, inv)
}

// greets answers a plain invocation with its name and the event.
func greets(name string) plainly {
	return func(_ context.Context, inv *engine.Invocation) engine.Outcome {
		return engine.Outcome{Payload: fmt.Appendf(nil, `{"by":%q,"got":%s}`, name, inv.Payload)}
	}
}

// plain registers a plain function.
func (f *fixture) plain(name string, p plainly) {
	f.Helper()
	must(f.T, f.Engine.Functions().Register(engine.Function{Name: name, Invoker: p, Timeout: time.Minute, Concurrency: 100}))
}

// knows waits until a node has heard which other nodes can run a function, and have places.
func (f *fixture) knows(name string, nodes int) {
	f.Helper()
	until(f.T, func() bool {
		functions, _ := f.Engine.Functions().List()
		here := false
		for _, fn := range functions {
			here = here || fn.Name == name
		}
		all, err := f.Engine.Nodes(f.Context())
		must(f.T, err)
		able := 0
		for _, n := range all {
			for _, fn := range n.Functions {
				if !n.Self && n.Alive && fn.Name == name && fn.Concurrency > 0 {
					able++
				}
			}
		}
		return here && able == nodes
	})
}

// ask invokes a function by hand, and returns the answer and its header.
func ask(t *testing.T, endpoint, function, kind, payload string, header ...string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", endpoint+"/2015-03-31/functions/"+function+"/invocations",
		strings.NewReader(payload))
	must(t, err)
	r.Header.Set("X-Amz-Invocation-Type", kind)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(body), resp.Header
}

// signing are the credentials of every node of a test.
type signing []credentials.Credential

func (s signing) Find(id string) (credentials.Credential, bool) {
	for _, c := range s {
		if c.KeyID == id {
			return c, true
		}
	}
	return credentials.Credential{}, false
}

var (
	operator = credentials.Credential{Name: "operator", KeyID: "AKIDOPERATOR", Secret: "0123456789abcdefghij", Access: credentials.Full}
	reader   = credentials.Credential{Name: "reader", KeyID: "AKIDREADER", Secret: "abcdefghij0123456789", Access: credentials.Read}
)

// signed is a client of the node with a credential.
func (f *fixture) signed(c credentials.Credential) *client.Client {
	return &client.Client{Endpoint: f.URL, Key: sign.Credentials{KeyID: c.KeyID, Secret: c.Secret}}
}

// guarded opens a node that wants credentials.
func guarded(t *testing.T, url string, change func(*host.Options)) *fixture {
	return open(t, func(o *host.Options) {
		o.Store, o.Node.Lease, o.Server.Credentials = url, 10*time.Second, signing{operator, reader}
		if change != nil {
			change(o)
		}
	})
}

// TestCallsArePassedOn: a node answers for functions that only another one can run: calls, calls that nobody waits for,
// publication, calls through the door of a function; and asks for the same credentials as for its own.
func TestCallsArePassedOn(t *testing.T) {
	url := pgtest.Database(t)
	one, two := guarded(t, url, nil), guarded(t, url, nil)
	must(t, one.RunPublished(t.Context()))
	must(t, two.RunPublished(t.Context()))
	heard := make(chan string, 1)
	one.plain("greet", greets("one"))
	one.plain("hear", func(_ context.Context, inv *engine.Invocation) engine.Outcome {
		heard <- string(inv.Payload)
		return engine.Outcome{Payload: []byte("null")}
	})
	one.install("order", "done")
	two.install("where", endpoints)
	one.Serve()
	two.Serve()
	for _, name := range []string{"greet", "hear", "order"} {
		two.knows(name, 1)
	}
	c := two.signed(operator)
	large := `"` + strings.Repeat("x", protocol.MaxSyncPayload-1000) + `"`
	for _, payload := range []string{`{"id":1}`, large} {
		out, err := c.Invoke(t.Context(), &client.Invocation{Function: "greet", Event: []byte(payload), Wait: true})
		if want := `{"by":"one","got":` + payload + `}`; err != nil || string(out.Answer) != want {
			t.Errorf("got %.100v, %v, want %.100s", out, err, want)
		}
	}
	if _, err := c.Invoke(t.Context(), &client.Invocation{Function: "hear", Event: []byte(`"later"`)}); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != `"later"` {
		t.Errorf("the function got %s, want what was sent", got)
	}
	_, err := two.signed(reader).Invoke(t.Context(), &client.Invocation{Function: "greet", Event: []byte("1"), Wait: true})
	if !protocol.HasCode(err, protocol.CodeAccessDenied) {
		t.Errorf("a reader: got %v, want %s", err, protocol.CodeAccessDenied)
	}
	if status, body, _ := ask(t, two.URL, "greet", "RequestResponse", "1"); status != http.StatusForbidden {
		t.Errorf("a stranger: got %d %s, want 403", status, body)
	}
	if status, body, _ := ask(t, one.URL, "greet", "RequestResponse", "1", "Perdure-Passed-On", "0.AAAA"); status != http.StatusForbidden {
		t.Errorf("a stranger who says that a node sent it: got %d %s, want 403", status, body)
	}
	if _, err := c.Publish(t.Context(), "order", nil); err != nil {
		t.Errorf("publishing: %v", err)
	}
	door := strings.Fields(two.result("where", latest, "W1"))[1]
	status, body, header := ask(t, door, "greet", "RequestResponse", `{"id":2}`)
	if want := `{"by":"one","got":{"id":2}}`; status != http.StatusOK || body != want || len(header["X-Amzn-Requestid"]) != 1 {
		t.Errorf("through a door: got %d %s %v, want %s and an id", status, body, header, want)
	}
}

// TestPassedOnToNobody: what cannot be passed on is an error in words, and never goes round. A node that is there is found
// behind one that is not.
func TestPassedOnToNobody(t *testing.T) {
	url := pgtest.Database(t)
	told := func(node string) func(*host.Options) {
		return func(o *host.Options) { o.Node.URL = node }
	}
	asked := guarded(t, url, nil)
	asked.Serve()
	gone, round := guarded(t, url, told("http://127.0.0.1:1")), guarded(t, url, told(asked.URL))
	broken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer broken.Close()
	go func() {
		for c, err := broken.Accept(); err == nil; c, err = broken.Accept() {
			c.Read(make([]byte, 1))
			c.Close()
		}
	}()
	breaks := guarded(t, url, told("http://"+broken.Addr().String()))
	gone.plain("gone", greets("gone"))
	round.plain("round", greets("round"))
	breaks.plain("breaks", greets("breaks"))
	for function, want := range map[string]protocol.Code{"gone": protocol.CodeService, "round": protocol.CodeNotReady,
		"breaks": protocol.CodeService} {
		asked.knows(function, 1)
		_, err := asked.signed(operator).Invoke(t.Context(), &client.Invocation{Function: function, Event: []byte("1"), Wait: true})
		if !protocol.HasCode(err, want) || !strings.Contains(err.Error(), "other node") && !strings.Contains(err.Error(), "nother node") {
			t.Errorf("%s: got %v, want %s with words", function, err, want)
		}
	}
	there := guarded(t, url, nil)
	there.Serve()
	there.plain("gone", greets("there"))
	call := func() (*client.Invoked, error) {
		return asked.signed(operator).Invoke(t.Context(), &client.Invocation{Function: "gone", Event: []byte("1"), Wait: true})
	}
	until(t, func() bool { _, err := call(); return err == nil }) // by its next beat it knows of the new node
	for range 20 {
		if out, err := call(); err != nil || string(out.Answer) != `{"by":"there","got":1}` {
			t.Fatalf("got %v, %v, want the answer of the node that is there", out, err)
		}
	}
}
