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

// TestLongHistory: of however many operations, a page sends the rows that one sees, and the others on demand.
func TestLongHistory(t *testing.T) {
	f := newFixture(t)
	const steps = 10_000
	path := executionPath(f.run(busy{steps: steps, size: 10}))
	page := f.get(path, 200)
	want(t, page, `data-total="10002"`, `pack-s0<`, `<dt>Invocations</dt><dd>1</dd>`, "Declined",
		fmt.Sprintf(`height="%d"`, (steps+2-rowsSent)*rowHeight), fmt.Sprint("Rows 1 to ", rowsSent, " of 10002"))
	if n := strings.Count(page, "data-row"); n != rowsSent || len(page) > 300<<10 {
		t.Errorf("the page has %d rows in %d bytes, want %d", n, len(page), rowsSent)
	}
	end := f.get(path+"&at=9950", 200)
	want(t, end, `pack-s9999<`, fmt.Sprintf(`height="%d"`, 9942*rowHeight))
	if strings.Contains(end, "pack-s0<") {
		t.Error("the end has the beginning")
	}
	want(t, f.get(path+"&op=1", 200), `<textarea name="result"`, "Answer it", "perdure callback succeed")
}

// TestARecordIsBounded: of operations that ended, the last are kept, and the page says how many are left out.
func TestARecordIsBounded(t *testing.T) {
	r := &record{}
	for i := range int64(maxEnded + 100) {
		r.add(&protocol.Event{ID: i + 1, Time: began, Type: protocol.EventStepSucceeded, OpID: fmt.Sprint(i)})
	}
	if n, left := len(r.operations()), r.fold.Begun-len(r.byID); n != maxEnded || left != 100 {
		t.Errorf("%d operations are kept and %d left out, want %d and 100", n, left, maxEnded)
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
	var made uint64
	for range 100 { // until both requests are in one tick of the page's times
		if made = hostile.Made(func() { resp = again() }); resp.StatusCode != 200 {
			break
		}
		first = resp
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
	r := &record{}
	if err := r.read(iter.Seq2[*protocol.Event, error](history)); err != nil || len(r.byID) != 400 {
		t.Fatalf("got %d operations, %v", len(r.byID), err)
	}
	if n := held() - before; n > 1<<20 {
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
