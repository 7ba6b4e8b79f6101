package engine_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
)

// recorder is a tracer that keeps what it hears.
type recorder struct {
	mu    sync.Mutex
	ended []*engine.Traced
}

func (r *recorder) Ended(t *engine.Traced) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, t)
}

// TestTracer: an execution is told of with its invocations, and what functions
// are told makes their own spans lie below it.
func TestTracer(t *testing.T) {
	const root = "Root=1-5759e988-bd862e3fe1be46a994272793"
	inBubble(t, func(t *testing.T, f *fixture) {
		var tracer recorder
		f.opts.Tracer = &tracer
		f.restart()
		var headers []string
		f.durable("order", func(c *call) engine.Outcome {
			headers = append(headers, c.TraceID)
			return order(c)
		})
		f.durable("broken", func(*call) engine.Outcome {
			return engine.Outcome{Payload: []byte(`{"Status":"FAILED","Error":{"ErrorMessage":"no luck"}}`)}
		})
		begin := time.Now()
		started, err := f.Start(t.Context(), &engine.InvokeRequest{Function: "order", Payload: []byte(`{}`),
			TraceHeader: root + ";Parent=53995c3f42cd8ad8;Sampled=1"})
		if err != nil {
			t.Fatal(err)
		}
		f.result(started.ARN)
		synctest.Wait()
		if len(tracer.ended) != 3 {
			t.Fatalf("got %d, want two invocations and an execution", len(tracer.ended))
		}
		first, second, execution := tracer.ended[0], tracer.ended[1], tracer.ended[2]
		below := root + ";Parent=" + execution.SpanID + ";Sampled=1"
		if diff := cmp.Diff([]string{below, below}, headers); diff != "" {
			t.Errorf("what the function is told (-want +got):\n%s", diff)
		}
		want := &engine.Traced{
			SpanID: execution.SpanID, Execution: started.ARN, Function: strings.Split(started.ARN, "/")[0],
			TraceHeader: root + ";Parent=53995c3f42cd8ad8;Sampled=1", Start: begin.UTC(),
			End: begin.Add(5 * time.Second).UTC(), Status: "SUCCEEDED",
		}
		if diff := cmp.Diff(want, execution, cmp.Transformer("millis", func(t time.Time) int64 { return t.UnixMilli() })); diff != "" {
			t.Errorf("execution (-want +got):\n%s", diff)
		}
		for i, inv := range []*engine.Traced{first, second} {
			if inv.Execution != started.ARN || inv.RequestID == "" || inv.TraceHeader != below ||
				inv.SpanID == execution.SpanID || inv.Failure != "" || inv.Status != "" {
				t.Errorf("invocation %d: got %+v", i+1, inv)
			}
		}
		if first.SpanID == second.SpanID || len(first.SpanID) != 16 {
			t.Errorf("got spans %s and %s", first.SpanID, second.SpanID)
		}

		f.result(f.start("broken", "", `{}`))
		synctest.Wait()
		if last := tracer.ended[len(tracer.ended)-1]; last.Status != "FAILED" || last.Failure != "no luck" ||
			!strings.HasPrefix(last.TraceHeader, "Root=1-") {
			t.Errorf("got %+v", last)
		}
	})
}
