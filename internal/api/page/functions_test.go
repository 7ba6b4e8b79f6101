package page

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/overview"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// TestFunctionPages: what functions there are, what they do, and how they are run; what people wrote is text.
func TestFunctionPages(t *testing.T) {
	f := newFixture(t)
	fn, _, err := f.engine.Functions().Lookup(t.Context(), "approve", "")
	if err != nil {
		t.Fatal(err)
	}
	fn.Version, fn.Description, fn.MemoryMB = "2", "<i>better</i>", 512
	fn.Environment = []string{"DATABASE_URL"}
	if err := f.engine.Functions().Register(fn); err != nil {
		t.Fatal(err)
	}
	_, err = f.engine.Functions().CreateAlias(t.Context(),
		&engine.AliasChange{Function: "approve", Name: "live", Version: new("2"), Weights: &map[string]float64{"$LATEST": 0.25}})
	if err == nil {
		t.Error("an alias has $LATEST beside a version")
	}
	_, err = f.engine.Functions().CreateAlias(t.Context(), &engine.AliasChange{Function: "approve", Name: "live", Version: new("2")})
	if err != nil {
		t.Fatal(err)
	}
	f.started()
	want(t, f.get("/ui/functions", 200), `/ui/function?name=approve"`, "$LATEST", "live", "Active", "0 of 100",
		"Executions that ended in each minute of the last hour: 0 well, 0 failed.", "data-live")
	page := f.get("/ui/function?name=approve", 200)
	want(t, page, "Start an execution", "Executions started", "reserve", "What executions waited for", "a place",
		"No step needed a second attempt", "<dd>1m</dd>", "perdure functions approve", "&lt;i&gt;better")
	if strings.Contains(page, "<i>better") {
		t.Error("a description became part of the page")
	}
	want(t, f.get("/ui/function?name=approve&version=2", 200), "Nothing has run of this version", "DATABASE_URL", "512 MB")
	want(t, f.get("/ui/function?name=nothing", 404), "Function not found")
	want(t, f.get("/ui/function?name=approve&version=9", 404), "has no version")
	if page := f.reader().get("/ui/function?name=approve", 200); strings.Contains(page, "Start an execution") {
		t.Error("a reader sees how to start an execution")
	}
}

// TestFunctionPageOfHostileNames: names of operations that want to be something else are text, and in no attribute.
func TestFunctionPageOfHostileNames(t *testing.T) {
	f := newFixture(t)
	const name = `"><script>alert(1)</script>` + "\u202e\x1b[31m😀"
	err := f.engine.Functions().Register(engine.Function{
		Name: "hostile", Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: approverOf(func(ctx context.Context, in *protocol.InvocationInput) engine.Outcome {
			_, err := f.engine.Checkpoint(ctx, &engine.CheckpointRequest{ARN: in.DurableExecutionArn, Token: in.CheckpointToken,
				Updates: []protocol.Update{{ID: "1", Name: name, Type: protocol.TypeStep, Action: protocol.ActionSucceed}}})
			if err != nil {
				t.Error(err)
			}
			return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED"}`)}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.engine.Start(t.Context(), &engine.InvokeRequest{Function: "hostile"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Wait(t.Context(), s.ARN); err != nil {
		t.Fatal(err)
	}
	page := f.get("/ui/function?name=hostile", 200)
	want(t, page, `<span class="raw">&#34;&gt;&lt;script&gt;`)
	if strings.Contains(page, "<script>alert") {
		t.Error("a name became part of the page")
	}
}

// approverOf is an invoker of a durable function.
type approverOf func(context.Context, *protocol.InvocationInput) engine.Outcome

func (a approverOf) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	in, err := protocol.ReadInput(inv.Payload)
	if err != nil {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
	}
	return a(ctx, in)
}

// TestEmptyFunctions: whoever has no functions yet reads what to type.
func TestEmptyFunctions(t *testing.T) {
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	server := httptest.NewServer(New(e, e.Functions(), nil))
	t.Cleanup(server.Close)
	f := &fixture{t: t, engine: e, server: server}
	want(t, f.get("/ui/functions", 200), "no functions yet", "perdure serve --function order=./order")
	want(t, f.get("/ui/engine", 200), "alone with its store", "processes start with the first invocation", "memory")
}

// TestListOfManyVersions: versions that have nothing to tell are counted, and not shown.
func TestListOfManyVersions(t *testing.T) {
	f := newFixture(t)
	fn, _, err := f.engine.Functions().Lookup(t.Context(), "approve", "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		fn.Version = fmt.Sprint(i + 1)
		if err := f.engine.Functions().Register(fn); err != nil {
			t.Fatal(err)
		}
	}
	page := f.get("/ui/functions", 200)
	want(t, page, "30 more versions with nothing to do")
	if n := strings.Count(page, "<tr data-row"); n != 1 {
		t.Errorf("got %d rows, want 1", n)
	}
	if n := strings.Count(f.get("/ui/function?name=approve", 200), "<tr data-row"); n != 31 {
		t.Errorf("the page of the function has %d rows, want 31", n)
	}
}

// TestEnginePage has the processes of functions, and the functions at work.
func TestEnginePage(t *testing.T) {
	f := newFixture(t)
	face := New(f.engine, f.engine.Functions(), &Options{Version: "9.9", Sandboxes: func() []overview.Sandbox {
		return []overview.Sandbox{{FunctionName: "approve", Version: "$LATEST", Busy: 4, Idle: 3, Starting: 2, Ending: 1}}
	}})
	f.started()
	answer := httptest.NewRecorder()
	face.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/ui/engine", nil))
	want(t, answer.Body.String(), "9.9", "go1.", "Checkpoints", `<td class="right num">4</td><td class="right num">3</td>`+
		`<td class="right num">2</td><td class="right num">1</td>`, "Checkpoints, of 1: half at most")
}

func TestChart(t *testing.T) {
	c := chartOf("what", []column{{"a", 30, 0}, {"b", 0.1, 15}, {"", 0, 0}})
	got := fmt.Sprint(c.Line)
	for _, b := range c.Bars {
		got += fmt.Sprintf(" %d:%d+%d-%d", b.X, b.Y, b.Above, b.Down)
	}
	// What is above begins so high that its end is on the line, and what is hardly anything can be seen.
	if want := "34 0:2+32-0 6:31+3-16 12:34+0-0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, b := range c.Bars {
		if b.Y < 0 || b.Y+b.Above > c.Line || c.Line+b.Down > c.Height {
			t.Errorf("%+v is not within a picture of %d", b, c.Height)
		}
	}
	if c := chartOf("nothing", []column{{}, {}}); c.Bars[0].Above+c.Bars[0].Down != 0 || c.Line > c.Height {
		t.Errorf("of nothing: got %+v", c)
	}
}

func TestHistogram(t *testing.T) {
	h := histogramOf("Commits", "hint", overview.Distribution{
		Count: 3, P50: 0.0004, P95: 0.9, P99: 20,
		Buckets: []overview.Bucket{{UpTo: .0001}, {UpTo: .001, Count: 2}, {UpTo: 1}, {UpTo: 60, Count: 1}, {}},
	}, shortTime)
	got := []string{h.P50, h.P95, h.P99, h.First, h.Last, h.Label}
	want := []string{"0.4 ms", "900 ms", "20 s", "up to 1 ms", "more",
		"Commits, of 3: half at most 0.4 ms, 95 % at most 900 ms, 99 % at most 20 s."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestChartsHaveWords: whoever cannot see a chart is told the same.
func TestChartsHaveWords(t *testing.T) {
	f := newFixture(t)
	f.started()
	for _, path := range []string{"/ui/functions", "/ui/function?" + url.Values{"name": {"approve"}}.Encode(), "/ui/engine"} {
		page := f.get(path, 200)
		for _, svg := range regexp.MustCompile(`<svg[^>]*>`).FindAllString(page, -1) {
			if !strings.Contains(svg, `aria-hidden="true"`) && !regexp.MustCompile(`role="img" aria-label="[^"]{20,}"`).MatchString(svg) {
				t.Errorf("%s: no words for %s", path, svg)
			}
		}
	}
}

// TestFailuresByError: the failures of a function are in groups by their error, each of which is redriven at once, by
// those who may.
func TestFailuresByError(t *testing.T) {
	f := newFixture(t)
	const hostile = `<i>It's "odd"</i>`
	err := f.engine.Functions().Register(engine.Function{
		Name: "pay", Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: approverOf(func(_ context.Context, in *protocol.InvocationInput) engine.Outcome {
			name := "Declined"
			if strings.Contains(in.DurableExecutionArn, "/odd/") {
				name = hostile
			}
			if strings.Contains(in.DurableExecutionArn, "/bare/") {
				name = ""
			}
			answer, err := json.Marshal(map[string]any{"Status": "FAILED", "Error": map[string]string{"ErrorType": name}})
			if err != nil {
				t.Error(err)
			}
			return engine.Outcome{Payload: answer}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two", "odd", "bare"} {
		s, err := f.engine.Start(t.Context(), &engine.InvokeRequest{Function: "pay", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.engine.Wait(t.Context(), s.ARN); err != nil {
			t.Fatal(err)
		}
	}
	page := f.get("/ui/function?name=pay", 200)
	want(t, page, "What failed, by error", "Declined", "Redrive all 2",
		"perdure redrive --function pay --status FAILED --status TIMED_OUT --error Declined",
		"&lt;i&gt;It&#39;s", "Redrive all 1", `/ui/?Error=Declined&amp;Function=pay&amp;Redriven=no&amp;Status=FAILED&amp;Status=TIMED_OUT`)
	if strings.Contains(page, hostile) || strings.Contains(f.reader().get("/ui/function?name=pay", 200), "Action=redrive") {
		t.Error("an error became part of the page, or a reader may redrive")
	}
	want(t, page, "without a type", "--status TIMED_OUT --error - --endpoint http")
	want(t, f.get("/ui/", 200), "errors without a type", `Error=-&amp;Function=pay`)
	want(t, f.get("/ui/act?Action=redrive&All=1&Error=-&Function=pay", 200), "Redrive 1 execution?", "bare",
		`<span class="raw">without a type</span>`)
	f.act(url.Values{"Action": {"redrive"}, "filter": {"Function=pay&Error=Declined&Status=FAILED"}}, http.StatusOK)
	jobs, err := f.engine.Jobs().List(t.Context())
	if err != nil || len(jobs) != 1 || jobs[0].Action != engine.JobRedrive || jobs[0].Total != 2 {
		t.Errorf("got the jobs %+v, %v, want one of two redrives", jobs, err)
	}
}

// Half a change is one: what a quantile says between the bounds of a bucket is no number of changes.
func TestCountsAreWhole(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 0.4: "1", 1: "1", 1.2: "2", 40: "40"} {
		if got := wholeNumber(n); got != want {
			t.Errorf("%v: got %s, want %s", n, got, want)
		}
	}
}
