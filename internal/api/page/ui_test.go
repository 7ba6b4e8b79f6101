package page

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// fixture is the pages of an engine with one function, approve.
type fixture struct {
	t       *testing.T
	engine  *engine.Engine
	server  *httptest.Server
	browser *http.Client // keeps cookies; one is made if it is nil
}

// client is the browser.
func (f *fixture) client() *http.Client {
	if f.browser == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			f.t.Fatal(err)
		}
		f.browser = &http.Client{Jar: jar}
	}
	return f.browser
}

var tokenInput = regexp.MustCompile(`name="token" value="([^"]+)"`)

// token is that of the forms which the browser gets.
func (f *fixture) token() string {
	f.t.Helper()
	m := tokenInput.FindStringSubmatch(f.get("/ui/start", 200))
	if m == nil {
		f.t.Fatal("the form has no token")
	}
	return m[1]
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, engine: e, server: httptest.NewServer(New(e, e.Functions(), &Options{Version: "9.9"}))}
	t.Cleanup(func() {
		f.server.Close()
		e.Close(context.Background())
	})
	err = e.Functions().Register(engine.Function{
		Name: "approve", Timeout: time.Minute, Invoker: approver{e}, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// approver reserves the goods, waits for an answer, and for a day.
type approver struct{ engine *engine.Engine }

func (a approver) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	var in protocol.InvocationInput
	if err := json.Unmarshal(inv.Payload, &in); err != nil {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
	}
	ops := in.InitialExecutionState.Operations
	var updates []protocol.Update
	switch last := ops[len(ops)-1]; {
	case last.Type == protocol.TypeExecution:
		a.engine.Log(engine.LogLine{
			Time: time.Now(), ExecutionARN: inv.ExecutionARN, RequestID: inv.RequestID, Stream: "stdout",
			Text: `{"level":"WARN","msg":"stock is <low>","operationId":"1"}`,
		})
		result := `"<script>alert(1)</script>"`
		updates = []protocol.Update{
			{ID: "1", Type: protocol.TypeStep, SubType: protocol.SubTypeStep, Name: "reserve", Action: protocol.ActionSucceed,
				Payload: &result},
			{ID: "2", Type: protocol.TypeCallback, SubType: protocol.SubTypeCallback, Name: "manager", Action: protocol.ActionStart,
				CallbackOptions: &protocol.CallbackOptions{TimeoutSeconds: 600}},
		}
	case last.Type == protocol.TypeCallback && last.Status.Closed():
		updates = []protocol.Update{
			{ID: "3", Type: protocol.TypeWait, SubType: protocol.SubTypeWait, Name: "cooling", Action: protocol.ActionStart,
				WaitOptions: &protocol.WaitOptions{WaitSeconds: 86400}},
		}
	case last.Type == protocol.TypeWait && last.Status.Closed():
		return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED","Result":"\"shipped\""}`)}
	}
	_, err := a.engine.Checkpoint(ctx, &engine.CheckpointRequest{ARN: in.DurableExecutionArn, Token: in.CheckpointToken, Updates: updates})
	if err != nil {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
	}
	return engine.Outcome{Payload: []byte(`{"Status":"PENDING"}`)}
}

// get returns the page at a path, and checks its status.
func (f *fixture) get(path string, status int) string {
	f.t.Helper()
	r, err := f.client().Get(f.server.URL + path)
	return f.body(r, err, status)
}

// post sends a form of a page, with its token.
func (f *fixture) post(path string, form url.Values, status int) string {
	f.t.Helper()
	form = maps.Clone(form)
	form.Set("token", f.token())
	r, err := f.client().PostForm(f.server.URL+path, form)
	return f.body(r, err, status)
}

func (f *fixture) body(r *http.Response, err error, status int) string {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		f.t.Fatalf("%s: status %d, want %d (%v)\n%s", r.Request.URL, r.StatusCode, status, err, b)
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind == "text/html" {
		f.idsDiffer(r.Request.URL.String(), string(b))
	}
	return string(b)
}

var idAttribute = regexp.MustCompile(`<[^>]* id="([^"]*)"`)

// idsDiffer: of two elements with one id, one loses its state when the page is brought up to date, and a button that
// copies what an element shows may copy the other.
func (f *fixture) idsDiffer(where, page string) {
	f.t.Helper()
	seen := map[string]bool{}
	for _, m := range idAttribute.FindAllStringSubmatch(page, -1) {
		if seen[m[1]] {
			f.t.Errorf("%s: two elements have the id %s", where, m[1])
		}
		seen[m[1]] = true
	}
}

// started starts an execution with the form and returns its ARN, once it waits.
func (f *fixture) started() string {
	f.t.Helper()
	f.post("/ui/start", url.Values{"function": {"approve"}, "name": {"order-7"}, "event": {`{"id":7}`}}, http.StatusOK)
	items, _, err := f.engine.List(f.t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "approve"}})
	if err != nil || len(items) != 1 {
		f.t.Fatalf("after the start there are %d executions (%v)", len(items), err)
	}
	f.await(items[0].ARN, protocol.EventInvocationCompleted, 1)
	return items[0].ARN
}

// await returns when the history has so many events of a type.
func (f *fixture) await(arn string, typ protocol.EventType, count int) {
	f.t.Helper()
	for ev, err := range f.engine.Watch(f.t.Context(), arn) {
		if err != nil {
			f.t.Fatal(err)
		}
		if ev.Type == typ {
			count--
		}
		if count == 0 {
			return
		}
	}
	f.t.Fatalf("the execution ended without another %s", typ)
}

func want(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q:\n%s", text, page)
		}
	}
}

var callbackID = regexp.MustCompile(`name="callback" value="([^"]+)"`)

func TestAnOrderIsStartedWatchedAndApprovedOnThePage(t *testing.T) {
	f := newFixture(t)
	want(t, f.get("/ui/", 200), "There are no executions yet", "9.9")
	arn := f.started()
	want(t, f.get("/ui/?Status=RUNNING&Name=order*", 200), "order-7", "RUNNING", "data-live")
	want(t, f.get("/ui/?Name=other", 200), "No execution is like that")

	page := f.get(executionPath(arn), 200)
	want(t, page, "order-7", "reserve", "manager", "waits for callback manager", "times out in", "waits for an answer", "data-live")
	step := f.get(executionPath(arn)+"&op=1", 200)
	want(t, step, "&lt;script&gt;", "WARN", "stock is &lt;low&gt;", "Fork with this result")
	if strings.Contains(step, "<script>alert") {
		t.Error("a payload became part of the page")
	}
	want(t, f.get(executionPath(arn)+"&view=history", 200), "CallbackStarted")
	want(t, f.get(executionPath(arn)+"&view=log", 200), "stock is &lt;low&gt;")
	m := callbackID.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("there is no form that answers the callback:\n%s", page)
	}
	answer := url.Values{"arn": {arn}, "callback": {strings.ReplaceAll(m[1], "&#43;", "+")}, "result": {`"yes"`}}
	f.post("/ui/succeed", answer, 200)
	f.await(arn, protocol.EventInvocationCompleted, 2)
	want(t, f.get(executionPath(arn), 200), "cooling", "Skip the wait")
	f.post("/ui/skip", url.Values{"arn": {arn}}, 200)
	if r, err := f.engine.Wait(t.Context(), arn); err != nil || r.Status != protocol.ExecutionSucceeded {
		t.Fatalf("the execution ended with %v, %v", r, err)
	}
	want(t, f.get(executionPath(arn)+"&op=1", 200), `id="operation-result"`, `id="execution-result"`)
	page = f.get(executionPath(arn), 200)
	want(t, page, "SUCCEEDED", "&#34;shipped&#34;", "Start another", "Took")
	if strings.Contains(page, "data-live") {
		t.Error("the page of a closed execution asks for itself again")
	}
	want(t, f.post("/ui/succeed", answer, 400), "already completed")
	f.post("/ui/delete", url.Values{"arn": {arn}}, 200)
	f.get(executionPath(arn), 404)
}

// TestTimesAreThereWithoutScripts: how long something has taken, and when it ends, is said by the page itself.
func TestTimesAreThereWithoutScripts(t *testing.T) {
	f := newFixture(t)
	arn := f.started()
	for _, path := range []string{"/ui/", executionPath(arn), executionPath(arn) + "&op=1", executionPath(arn) + "&op=2"} {
		page := f.get(path, 200)
		if m := regexp.MustCompile(`[^>]*<[^<>]*data-(since|until)="[1-9][0-9]*"[^>]*></`).FindString(page); m != "" {
			t.Errorf("%s: a time is empty: %s", path, m)
		}
		if !strings.Contains(page, "data-since=") {
			t.Errorf("%s says no time", path)
		}
	}
	want(t, f.get(executionPath(arn)+"&op=2", 200), "</span> ago)", `">in 59 min`)
}

func TestPauseResumeStop(t *testing.T) {
	f := newFixture(t)
	arn := f.started()
	form := url.Values{"arn": {arn}}
	want(t, f.post("/ui/pause", form, 200), "PAUSED", "Resume")
	want(t, f.post("/ui/resume", form, 200), "RUNNING", "Pause")
	page := f.post("/ui/stop", form, 200)
	want(t, page, "STOPPED", "<strong>stopped</strong>", "stopped on the page", "Redrive", "did not end")
	if n := strings.Count(page, "data-since"); n > 2 ||
		strings.Contains(page, "data-until") || strings.Contains(page, "<strong><bdi>Error") {
		t.Errorf("of what is stopped %d times go on, want only the ages of its start and of the page:\n%s", n, page)
	}
	want(t, f.post("/ui/redrive", form, 200), "order-7-2", "reserve", "Fork of")
	want(t, f.get(executionPath(arn), 200), "redriven as <a", ">order-7-2</a> running", "Redrive again", "Forks")
	form.Set("before", "1")
	form.Set("input", `{"id":7}`)
	want(t, f.post("/ui/fork", form, 200), "order-7-3", "&#34;id&#34;: 7")
	form.Set("input", "{\r\n\"id\": 8}")
	want(t, f.post("/ui/fork", form, 200), "order-7-4", "&#34;id&#34;: 8")
	form.Set("input", "{")
	want(t, f.post("/ui/fork", form, 400), "The input is not JSON")
}

func TestAPageThatDidNotChangeIsNotSentAgain(t *testing.T) {
	f := newFixture(t)
	path := f.server.URL + executionPath(f.started())
	first, err := f.client().Get(path)
	f.body(first, err, 200)
	again, err := http.NewRequestWithContext(t.Context(), "GET", path, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Header.Set("If-None-Match", first.Header.Get("ETag"))
	r, err := f.client().Do(again)
	f.body(r, err, http.StatusNotModified)
}

func TestOtherSitesCannotPressButtons(t *testing.T) {
	f := newFixture(t)
	r, err := http.NewRequestWithContext(t.Context(), "POST", f.server.URL+"/ui/start", strings.NewReader("function=approve"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	reply, err := http.DefaultClient.Do(r)
	f.body(reply, err, http.StatusForbidden)
	if items, _, _ := f.engine.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "approve"}}); len(items) > 0 {
		t.Error("an execution was started")
	}
}

func TestBadRequestsAreExplained(t *testing.T) {
	f := newFixture(t)
	for path, text := range map[string]string{
		"/ui/?Status=SLEEPING":       "SLEEPING",
		"/ui/?Marker=x":              "Marker",
		"/ui/execution?arn=nonsense": "nonsense",
	} {
		want(t, f.get(path, 400), "Not possible", text)
	}
	f.get("/ui/execution?arn=arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/n/i", 404)
	f.get("/ui/nothing", 404)
	want(t, f.post("/ui/start", url.Values{"function": {"approve"}, "event": {"{"}}, 400), "not JSON")
	f.post("/ui/start", url.Values{"function": {"unknown"}}, 404)
	f.post("/ui/start", url.Values{"event": {strings.Repeat("x", maxForm)}}, 413)
}
