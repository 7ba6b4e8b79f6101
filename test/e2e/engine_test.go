package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/test/survival/survivaltest"
)

// site is an engine with the function shop, and its client.
type site struct {
	*survivaltest.Server
	*client.Client
	t    *testing.T
	dir  string // of the function
	keys string // the file of credentials; empty lets everybody in
}

// newSite starts an engine over an empty store, or one that fill has filled.
func newSite(t *testing.T, fill func(dir string), args ...string) *site {
	t.Helper()
	perdure, shop := build(t)
	data, dir := t.TempDir(), t.TempDir()
	if fill != nil {
		fill(data)
	}
	args = append([]string{"--data", data, "--durability", "none", "--env", "SHOP_DIR=" + dir, "--function", "shop=" + shop,
		"--execution-timeout", "100h"}, args...)
	return siteOf(t, survivaltest.NewServer(t, perdure, t.TempDir(), args...), dir)
}

func siteOf(t *testing.T, server *survivaltest.Server, dir string) *site {
	t.Helper()
	s := &site{Server: server, t: t, dir: dir, Client: &client.Client{
		Endpoint: "http://" + server.Addr, Key: sign.Credentials{KeyID: "test", Secret: "test"}}}
	s.ready()
	return s
}

// ready waits until the engine answers.
func (s *site) ready() {
	s.t.Helper()
	ok := wait(s.t, func() bool {
		resp, err := http.Get(s.Endpoint + "/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	if !ok {
		s.t.Fatalf("%v is not ready", s.Server)
	}
}

// tab opens a browser.
func (s *site) tab() *tab {
	s.t.Helper()
	return newTab(s.t, s.Endpoint)
}

// event is what a workflow of the function shop does.
type event struct {
	Do    string `json:"do,omitempty"`
	N     int    `json:"n,omitempty"`
	Value string `json:"value,omitempty"`
	Note  string `json:"note,omitempty"`
}

// start starts an execution, and returns its ARN.
func (s *site) start(name string, e event, tags ...string) string {
	s.t.Helper()
	body, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	in := &client.Invocation{Function: "shop", Name: name, Event: body, Tags: map[string]string{}}
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, "=")
		in.Tags[key] = value
	}
	started, err := s.Invoke(s.t.Context(), in)
	if err != nil {
		s.t.Fatalf("starting %s: %v", name, err)
	}
	return started.ARN
}

// is waits until an execution has a status.
func (s *site) is(arn string, status protocol.ExecutionStatus) *client.Execution {
	s.t.Helper()
	var x *client.Execution
	var err error
	ok := wait(s.t, func() bool {
		x, err = s.Execution(s.t.Context(), arn)
		return err == nil && x.Status == status
	})
	if !ok {
		s.t.Fatalf("%s did not become %s: %+v, %v", arn, status, x, err)
	}
	return x
}

// waits waits until an execution waits for something whose description has a text.
func (s *site) waits(arn, text string) {
	s.t.Helper()
	last := ""
	ok := wait(s.t, func() bool {
		why, err := s.Explain(s.t.Context(), arn)
		if err != nil {
			return false
		}
		data, _ := json.Marshal(why)
		last = string(data)
		return strings.Contains(last, text)
	})
	if !ok {
		s.t.Fatalf("%s does not wait for %q: %s", arn, text, last)
	}
}

// named returns the ARN of the execution with this name, once it is there.
func (s *site) named(name string) (arn string) {
	s.t.Helper()
	ok := wait(s.t, func() bool {
		for one, err := range s.Executions(s.t.Context(), "shop", name, "") {
			if err == nil {
				arn = one
			}
		}
		return arn != ""
	})
	if !ok {
		s.t.Fatalf("there is no execution called %s", name)
	}
	return arn
}

// openBank lets payments succeed.
func (s *site) openBank() {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "bank-is-open"), nil, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// pageOf is the path of an execution's page, with more of the query.
func pageOf(arn string, more ...string) string {
	q := url.Values{"arn": {arn}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/ui/execution?" + q.Encode()
}

// selects opens the operation with a name on the page of an execution.
func (b *tab) selects(name string) {
	b.t.Helper()
	b.click(".timeline .name", name)
	b.until("the operation "+name+" is open", `document.querySelector("#details h2")?.innerText.trim() === `+quote(name))
}

// busy fills a site as it is on a day of work: most of a thousand have ended well, forty failed with one error, one has
// waited longest.
func (s *site) busy(n int) {
	s.t.Helper()
	stuck := s.start("order-stuck", event{Do: "approval", Note: "nobody looks at it"}, "customer=acme", "tier=gold")
	s.waits(stuck, "manager")
	for i := range n {
		e, kind := event{Value: fmt.Sprint(i)}, "order"
		switch {
		case i < 40:
			e.Do, kind = "declined", "payment"
		case i%97 == 0:
			e.Do, e.N = "wait", 3600
		case i%131 == 0:
			e.Do = "retry"
		}
		s.start(fmt.Sprintf("%s-%04d", kind, i), e, fmt.Sprintf("shard=%d", i%4))
	}
	s.rests()
}

// rests waits until nothing runs or waits for a place.
func (s *site) rests() {
	s.t.Helper()
	resting := func() bool {
		c, err := s.Count(s.t.Context(), engine.Filter{Doing: []engine.Activity{engine.Running, engine.Queued}})
		return err == nil && c.Total == 0
	}
	if !wait(s.t, resting) {
		s.t.Fatal("the executions do not come to rest")
	}
}
