package durabletest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure"
	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/memstore"
	"github.com/perdure/perdure/protocol"
)

// sign is the function of these tests: it is signed by whoever answers, or times out.
func sign(ctx durable.Context, text string) (string, error) {
	stamp, err := durable.Step(ctx, "stamp", func(context.Context) (string, error) { return "No. 1", nil })
	if err != nil {
		return "", err
	}
	who, err := durable.WaitForCallback[string](ctx, "ask", func(context.Context, string) error { return nil })
	return fmt.Sprintf("%s %s, signed %s", stamp, text, who), err
}

// plainFunction is not durable.
type plainFunction struct{}

func (plainFunction) Invoke(context.Context, *engine.Invocation) engine.Outcome {
	return engine.Outcome{Payload: []byte("1")}
}

// deploy serves an engine, where sign is deployed, to the tests, through some proxy.
func deploy(t *testing.T, proxy func(http.Handler) http.Handler) *engine.Engine {
	t.Helper()
	s, err := perdure.Open(t.Context(), "", &perdure.Options{Store: memstore.New()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := perdure.Handle(s, "sign-test", sign); err != nil {
		t.Fatal(err)
	}
	if err := s.Engine().Functions().Register(engine.Function{Name: "plain", Invoker: plainFunction{}}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(proxy(s.Handler()))
	t.Cleanup(server.Close)
	t.Setenv("PERDURE_TEST_ENDPOINT", server.URL)
	t.Setenv("PERDURE_TEST_FUNCTION", "*-test")
	return s.Engine()
}

func direct(h http.Handler) http.Handler { return h }

// here is a handler that must not run, as the deployed one does.
func here(durable.Context, string) (string, error) { return "", errors.New("it ran in memory") }

// signed is one test that runs in memory and against a deployed function.
func signed(t *testing.T, handler func(durable.Context, string) (string, error)) *durabletest.Result[string] {
	t.Helper()
	return durabletest.Drive(t, handler, "contract", func(t *testing.T, x *durabletest.Execution) {
		if op := x.Await("stamp"); op.Status != "SUCCEEDED" && op.Status != "STARTED" {
			t.Errorf("got step %+v", op)
		}
		id := x.Callback("ask")
		x.HeartbeatCallback(id)
		x.SucceedCallback(id, "Ada")
	}, durabletest.Cloud("sign"))
}

func TestTheSameTestInMemoryAndDeployed(t *testing.T) {
	inMemory := signed(t, sign)
	e := deploy(t, direct)
	deployed := signed(t, here)
	for where, r := range map[string]*durabletest.Result[string]{"in memory": inMemory, "deployed": deployed} {
		if got, want := r.Output(), "No. 1 contract, signed Ada"; got != want {
			t.Errorf("%s: got %q, want %q", where, got, want)
		}
	}
	var names [2][]string
	for i, r := range []*durabletest.Result[string]{inMemory, deployed} {
		for _, op := range r.History.Operations() {
			names[i] = append(names[i], op.ID+" "+op.Name+" "+string(op.Status))
		}
	}
	if diff := cmp.Diff(names[0], names[1]); diff != "" {
		t.Errorf("operations (-in memory +deployed):\n%s", diff)
	}
	var stamp string
	if deployed.Decode("stamp", &stamp); stamp != "No. 1" || deployed.Invocations < 1 || deployed.Elapsed <= 0 {
		t.Errorf("got stamp %q, %d invocations, %v", stamp, deployed.Invocations, deployed.Elapsed)
	}
	page, _, err := e.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "sign-test"}})
	if err != nil || len(page) != 1 || !strings.HasPrefix(page[0].Name, "TestTheSameTestInMemoryA-") {
		t.Errorf("got executions %+v, error %v, want one with the test's name", page, err)
	}
}

func TestDeployedExecutionIsSteered(t *testing.T) {
	deploy(t, direct)
	r := durabletest.Drive(t, here, "contract", func(t *testing.T, x *durabletest.Execution) {
		x.FailCallback(x.Callback("ask"), "Denied", "not you")
	}, durabletest.Cloud("sign"))
	if r.Status != durabletest.Failed || r.Operation("ask").Error.ErrorMessage != "not you" {
		t.Errorf("got %s with %+v, want it FAILED with the answer", r.Status, r.Error)
	}
	r = durabletest.Drive(t, here, "contract", func(t *testing.T, x *durabletest.Execution) {
		x.Await("ask")
		x.Pause()
		x.Resume()
		x.Stop("Cancelled", "no longer")
	}, durabletest.Cloud("sign"))
	want := &protocol.ErrorObject{ErrorType: "Cancelled", ErrorMessage: "no longer"}
	if diff := cmp.Diff(want, r.Error); r.Status != durabletest.Stopped || diff != "" {
		t.Errorf("got %s, error (-want +got):\n%s", r.Status, diff)
	}
}

// TestDeployedFunctionThroughABadNetwork: throttled calls, answers of proxies and broken connections are not the test's.
func TestDeployedFunctionThroughABadNetwork(t *testing.T) {
	var calls atomic.Int64
	deploy(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answers := strings.Contains(r.URL.Path, "callbacks") // which nobody repeats
			switch n := calls.Add(1); {
			case answers || n%2 == 0:
				h.ServeHTTP(w, r)
			case n%3 == 0:
				w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException:http://internal.amazon.com/")
				w.WriteHeader(http.StatusTooManyRequests)
				fmt.Fprint(w, `{"message": "Rate exceeded"}`)
			case n%3 == 1:
				http.Error(w, "<h1>bad gateway</h1>", http.StatusBadGateway)
			default:
				panic(http.ErrAbortHandler)
			}
		})
	})
	r := durabletest.Drive(t, here, "contract", func(t *testing.T, x *durabletest.Execution) {
		x.SucceedCallback(x.Callback("ask"), "Ada")
	}, durabletest.Cloud("sign"))
	if got, want := r.Output(), "No. 1 contract, signed Ada"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWhatNeedsMemoryIsSkipped: never passed over in silence. The execution that the test leaves is stopped.
func TestWhatNeedsMemoryIsSkipped(t *testing.T) {
	e := deploy(t, direct)
	for name, act := range map[string]func(x *durabletest.Execution){
		"Advance":          func(x *durabletest.Execution) { x.Await("ask"); x.Advance(time.Hour) },
		"Crash":            func(x *durabletest.Execution) { x.Await("ask"); x.Crash() },
		"CrashBefore":      func(x *durabletest.Execution) { x.CrashBefore("stamp") },
		"CrashAfter":       func(x *durabletest.Execution) { x.CrashAfter("stamp") },
		"StubStep":         func(x *durabletest.Execution) { x.StubStep("stamp").Returns("") },
		"StubFunction":     func(x *durabletest.Execution) { x.StubFunction("f").Returns("") },
		"Function":         func(x *durabletest.Execution) { durabletest.Function(x, "f", sign) },
		"Timeout":          func(x *durabletest.Execution) { x.Timeout = time.Minute; x.Await("ask") },
		"ExecutionTimeout": func(x *durabletest.Execution) { x.ExecutionTimeout = time.Minute },
		"Effects":          func(x *durabletest.Execution) { x.Effects("charge", 1) },
		"durabletest.Stub()": func(x *durabletest.Execution) {
			durabletest.Stub(x, "f", func(context.Context, int) (int, error) { return 0, nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() {
				if !t.Skipped() {
					t.Error("the test is not skipped")
				}
			})
			durabletest.Drive(t, here, "contract", func(_ *testing.T, x *durabletest.Execution) {
				act(x)
				x.Stop("NotSkipped", "")
			}, durabletest.Cloud("sign"))
		})
	}
	t.Run("Explore", func(t *testing.T) {
		t.Cleanup(func() {
			if !t.Skipped() {
				t.Error("the test is not skipped")
			}
		})
		durabletest.Explore(t, here, "contract", nil, durabletest.With(durabletest.Cloud("sign")))
	})
	open, _, err := e.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "sign-test",
		Statuses: []protocol.ExecutionStatus{"RUNNING"}}})
	if err != nil || len(open) > 0 {
		t.Errorf("got open executions %v, error %v", open, err)
	}
}
