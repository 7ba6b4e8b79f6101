package lambdaapi

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
)

// Who meets a full disk hears of it, with a status that clients repeat and a
// code of its own, whatever was asked for, and whichever file was written.
func TestFullDisk(t *testing.T) {
	st := memstore.New()
	e, err := engine.Open(t.Context(), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	err = e.Functions().Register(engine.Function{Name: "order", Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: hanging{}})
	if err != nil {
		t.Fatal(err)
	}
	st.Intercept(func(writes []store.Write, commit func() error) error {
		if writes[0].Entry.Seq > 1 || writes[0].Row.Name != "first" {
			return fmt.Errorf("perdure.db: %w", store.ErrFull)
		}
		return commit()
	})
	defer st.Intercept(nil)
	started, err := e.Start(t.Context(), &engine.InvokeRequest{Function: "order", Name: "first"})
	if err != nil {
		t.Fatal(err)
	}
	api := New(e, e.Functions(), &Options{Logger: quiet})
	for _, path := range []string{
		"/2015-03-31/functions/order:$LATEST/invocations",
		executions + url.PathEscape(started.ARN) + "/stop", executions + url.PathEscape(started.ARN) + "/pause",
	} {
		wantFull(t, api, path)
	}
	for _, err := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		wantFull(t, Shell(quiet)(func(http.ResponseWriter, *http.Request) error {
			return &os.PathError{Op: "write", Path: "code/1/bootstrap", Err: err}
		}), "/")
	}
}

func wantFull(t *testing.T, h http.Handler, path string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader("{}")))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("X-Amzn-Errortype") != "StorageFullException" ||
		!strings.Contains(w.Body.String(), `"The disk of the engine is full.`) || !strings.Contains(w.Body.String(), `"Type":"Service"`) {
		t.Errorf("%s: got %d %s %s", path, w.Code, w.Header().Get("X-Amzn-Errortype"), w.Body)
	}
}

// hanging is a function that never answers.
type hanging struct{}

func (hanging) Invoke(ctx context.Context, _ *engine.Invocation) engine.Outcome {
	<-ctx.Done()
	return engine.Outcome{Unstarted: true}
}
