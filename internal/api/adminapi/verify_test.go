package adminapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/client"
)

func TestVerify(t *testing.T) {
	w := newWorld(t)
	w.register(t, "f", `{"Status":"SUCCEEDED"}`)
	for range 3 {
		s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "f"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.engine.Wait(t.Context(), s.ARN); err != nil {
			t.Fatal(err)
		}
	}
	summary, err := w.client.Verify(t.Context(), func(p engine.Problem) { t.Errorf("got %+v", p) })
	if err != nil || summary.Executions != 3 || summary.Events != 9 || summary.Problems != 0 {
		t.Errorf("got %+v, %v", summary, err)
	}
}

func TestVerifyThatBreaksOff(t *testing.T) {
	for answer, want := range map[string]string{
		`{"Problem":{"Text":"bad"}}`:   "ended its answer too early",
		`{"Error":"the disk is gone"}`: "could not go on: the disk is gone",
		`nonsense`:                     "is not an answer",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		_, err := (&client.Client{Endpoint: server.URL}).Verify(t.Context(), func(engine.Problem) {})
		server.Close()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", answer, err, want)
		}
	}
}
