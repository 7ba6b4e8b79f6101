package adminapi

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/test/hostile"
)

// farEngine is an engine with the function far, to which workers attach.
func farEngine(t testing.TB) (*engine.Engine, *attached.Hub) {
	t.Helper()
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	hub := &attached.Hub{}
	err = e.Functions().Register(engine.Function{Name: "far", Timeout: time.Minute, Invoker: hub.Function(attached.Settings{Name: "far"})})
	if err != nil {
		t.Fatal(err)
	}
	return e, hub
}

// workerAPI is the API for the workers of hub.
func workerAPI(e Engine, functions Functions, hub *attached.Hub) *route.Face {
	return New(e, functions, &Options{Logger: slog.New(slog.DiscardHandler), Workers: hub})
}

// TestBodiesMakeLittle: whatever JSON comes to a route, what is made of it is
// bounded, and for a worker that nobody knows it is not even read.
func TestBodiesMakeLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("it is long, and one goroutine does all")
	}
	e, hub := farEngine(t)
	worker, _, err := hub.Join("far", "here")
	if err != nil {
		t.Fatal(err)
	}
	api := workerAPI(e, e.Functions(), hub)
	const size = 2 << 20
	bodies := hostile.HostileJSON(size, "Lines", "Running", "Error", "Outcome", "From", "Payload")
	for _, r := range api.Routes {
		if r.Method == "GET" || strings.HasSuffix(r.Path, "/next") { // which waits, and reads no body
			continue
		}
		for subject, most := range map[string]uint64{worker: 28 << 20, "nobody": 28 << 20} {
			if subject == "nobody" && strings.HasPrefix(r.Path, "/perdure/workers/") {
				most = 64 << 10
			}
			for _, body := range bodies {
				req := httptest.NewRequest(r.Method, strings.Replace(r.Path, route.Subject, subject, 1), strings.NewReader(body))
				answer := httptest.NewRecorder()
				if made := hostile.Made(func() { api.ServeHTTP(answer, req) }); made > most {
					t.Errorf("%s %s of %s, %.40s: made %d bytes, at most %d are allowed (answer %d)", r.Method, r.Path, subject, body, made,
						most, answer.Code)
				}
			}
		}
		if strings.HasSuffix(r.Path, "/leave") {
			if worker, _, err = hub.Join("far", "here"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
