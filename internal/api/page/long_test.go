package page

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/test/hostile"
)

// busy opens a callback, fails with a step, and ends many others, each with a
// result of the same size. Then it waits for the callback.
type busy struct {
	engine *engine.Engine
	steps  int
	size   int
}

func (b busy) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	fail := func(err error) engine.Outcome {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
	}
	var in protocol.InvocationInput
	if err := json.Unmarshal(inv.Payload, &in); err != nil {
		return fail(err)
	}
	result := `"` + strings.Repeat("x", b.size) + `"`
	updates := []protocol.Update{
		{ID: "a", Type: protocol.TypeCallback, Name: "manager", Action: protocol.ActionStart},
		{ID: "b", Type: protocol.TypeStep, Name: "declined", Action: protocol.ActionFail,
			Error: &protocol.ErrorObject{ErrorType: "Declined"}},
	}
	for i := range b.steps {
		id := fmt.Sprint("s", i)
		updates = append(updates,
			protocol.Update{ID: id, Type: protocol.TypeStep, Name: "pack-" + id, Action: protocol.ActionStart},
			protocol.Update{ID: id, Type: protocol.TypeStep, Name: "pack-" + id, Action: protocol.ActionSucceed, Payload: &result})
	}
	token := in.CheckpointToken
	for len(updates) > 0 {
		n := min(len(updates), max(2, 200*1024/(b.size+1)))
		reply, err := b.engine.Checkpoint(ctx, &engine.CheckpointRequest{ARN: in.DurableExecutionArn, Token: token, Updates: updates[:n]})
		if err != nil {
			return fail(err)
		}
		token, updates = reply.Token, updates[n:]
	}
	return engine.Outcome{Payload: []byte(`{"Status":"PENDING"}`)}
}

// run starts an execution of b and returns its ARN, once it waits.
func (f *fixture) run(b busy) string {
	f.t.Helper()
	b.engine = f.engine
	err := f.engine.Functions().Register(engine.Function{Name: "busy", Timeout: time.Minute, Invoker: b,
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}})
	if err != nil {
		f.t.Fatal(err)
	}
	started, err := f.engine.Start(f.t.Context(), &engine.InvokeRequest{Function: "busy", Name: "long"})
	if err != nil {
		f.t.Fatal(err)
	}
	f.await(started.ARN, protocol.EventInvocationCompleted, 1)
	return started.ARN
}

// TestLongHistory: of however many events, the page shows what is open, what
// failed, and the end.
func TestLongHistory(t *testing.T) {
	f := newFixture(t)
	const steps = 2500
	page := f.get(executionPath(f.run(busy{steps: steps, size: 10})), 200)
	for _, want := range []string{
		`<textarea name="result"`, // the open callback has its form
		`Declined`, `pack-s2499`, `<dt>Invocations</dt><dd>1</dd>`, `<td>InvocationCompleted</td>`,
		fmt.Sprint(steps-maxRows, " operations are left out"),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, wrong := range []string{`pack-s0<`, `>runs<`} {
		if strings.Contains(page, wrong) {
			t.Errorf("the page has %s", wrong)
		}
	}
	if len(page) > 8<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

// TestUnchangedPageIsNotRead: a page that a browser asks for again costs nothing
// as long as nothing has happened, however large the execution is.
func TestUnchangedPageIsNotRead(t *testing.T) {
	f := newFixture(t)
	arn := f.run(busy{steps: 20, size: 1 << 20})
	first, err := f.client().Get(f.server.URL + executionPath(arn))
	f.body(first, err, 200)
	again := func() *http.Response {
		req, err := http.NewRequest("GET", f.server.URL+executionPath(arn), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-None-Match", first.Header.Get("ETag"))
		resp, err := f.client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	var resp *http.Response
	made := hostile.Made(func() { resp = again() })
	if resp.StatusCode == 200 { // a minute has just begun
		first = resp
		made = hostile.Made(func() { resp = again() })
	}
	if resp.StatusCode != http.StatusNotModified || made > 2<<20 {
		t.Errorf("got status %d, and %d bytes made", resp.StatusCode, made)
	}
	f.engine.Log(engine.LogLine{Time: time.Now(), ExecutionARN: arn, Stream: "stdout", Text: "news"})
	if resp = again(); resp.StatusCode != 200 {
		t.Errorf("after a line of the log: got status %d", resp.StatusCode)
	}
	if _, err := f.engine.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
		t.Fatal(err)
	}
	if resp = again(); resp.StatusCode != 200 {
		t.Errorf("after a stop: got status %d", resp.StatusCode)
	}
}

// TestReadKeepsLittle: what is kept of a history does not grow with what is in
// it.
func TestReadKeepsLittle(t *testing.T) {
	payload := strings.Repeat("x", 1<<20)
	history := func(yield func(*protocol.Event, error) bool) {
		for i := range int64(400) {
			fresh := strings.Clone(payload)
			ev := &protocol.Event{ID: i + 1, Time: protocol.Timestamp(i), Type: protocol.EventStepSucceeded, OpID: fmt.Sprint(i),
				Payload: &fresh}
			if i%2 == 0 {
				ev.Type, ev.Payload = protocol.EventStepFailed, nil
				ev.Error = &protocol.ErrorObject{ErrorType: "E", ErrorMessage: fresh, StackTrace: []string{fresh[1:], fresh[2:]}}
			}
			if !yield(ev, nil) {
				return
			}
		}
	}
	before := held()
	r, err := read(iter.Seq2[*protocol.Event, error](history))
	if err != nil || len(r.Operations) != 400 {
		t.Fatalf("got %d operations, %v", len(r.Operations), err)
	}
	if n := held() - before; n > 8<<20 {
		t.Errorf("400 operations of a megabyte are held in %d bytes", n)
	}
	runtime.KeepAlive(r)
}

// held is how much memory is in use.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
