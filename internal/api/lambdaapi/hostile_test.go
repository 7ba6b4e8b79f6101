package lambdaapi

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/test/hostile"
)

// TestBodiesMakeLittle: whatever JSON comes to an operation, what is made of it
// is bounded by what its body may be.
func TestBodiesMakeLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures memory, of one request after the other")
	}
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	err = e.Functions().Register(engine.Function{Name: "order", Timeout: time.Minute,
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}, Invoker: release{"order", make(chan struct{})}})
	if err != nil {
		t.Fatal(err)
	}
	face := New(e, e.Functions(), &Options{Logger: slog.New(slog.DiscardHandler)})
	const size, most = 2 << 20, 24 << 20
	bodies := hostile.HostileJSON(size, "Updates", "StackTrace", "Error", "AdditionalVersionWeights", "RoutingConfig")
	for _, text := range hostile.HostileJSON(size, "StackTrace", "Payload") {
		bodies = append(bodies, `{"CheckpointToken":"`+testToken+`","Updates":[{"Id":"1","Type":"STEP","Action":"FAIL","Error":`+text+`}]}`)
	}
	subjects := map[string]string{executions: testARN, callbacks: testID, functions + "/": "order"}
	for _, op := range face.Routes {
		if op.Method == "GET" || op.Method == "DELETE" {
			continue
		}
		before, after, _ := strings.Cut(op.Path, route.Subject)
		path := before + url.PathEscape(subjects[before]) + after
		for _, body := range bodies {
			req := httptest.NewRequest(op.Method, path, strings.NewReader(body))
			req.Header.Set("X-Amz-Invocation-Type", "DryRun") // the event is read, and nothing is started
			answer := httptest.NewRecorder()
			if made := hostile.Made(func() { face.ServeHTTP(answer, req) }); made > most {
				t.Errorf("%s, %.60s: made %d bytes, at most %d are allowed (answer %d)", op.Operation, body, made, most, answer.Code)
			}
		}
	}
}
