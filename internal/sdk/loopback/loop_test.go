package loopback_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/sdk/loopback"
	"github.com/perdure/perdure/protocol"
)

type handlerFunc func(ctx context.Context, payload []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

// session is the Runtime API of a process in which h is served; ended tells how that ends.
func session(t *testing.T, h handlerFunc) (s *runtimeapi.Session, ended <-chan error) {
	t.Helper()
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	s = server.Attach(lambdacontext.MaxConcurrency(), func(runtimeapi.Event, *engine.Invocation) {})
	t.Setenv("AWS_LAMBDA_RUNTIME_API", s.Endpoint())
	address, path, ok := loopback.Engine()
	if !ok {
		t.Fatalf("%s is not taken for an engine", s.Endpoint())
	}
	end := make(chan error, 1)
	go func() { end <- loopback.Serve(address, path, h) }()
	return s, end
}

func TestServe(t *testing.T) {
	type seen struct{ ID, Function, Tenant, Trace, Payload string }
	var got seen
	var left time.Duration
	s, ended := session(t, func(ctx context.Context, payload []byte) ([]byte, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		got = seen{lc.AwsRequestID, lc.InvokedFunctionArn, lc.TenantID, fmt.Sprint(ctx.Value("x-amzn-trace-id")), string(payload)}
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		if strings.HasPrefix(string(payload), "fail") {
			return nil, errors.New("it failed")
		}
		return payload, nil
	})
	large := `"` + strings.Repeat("x", 5<<20) + `"`
	for i, payload := range []string{"{}", large, "", "fail", `{"a":1}`} {
		want := seen{fmt.Sprint("request-", i), "arn:aws:lambda:us-east-1:000000000000:function:f", "tenant", "Root=1-2", payload}
		out, err := s.Invoke(t.Context(), &engine.Invocation{
			RequestID: want.ID, FunctionARN: want.Function, TenantID: want.Tenant, TraceID: want.Trace,
			Payload: []byte(payload), Deadline: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the handler saw (-want +got):\n%s", diff)
		}
		if left < 59*time.Minute || left > time.Hour {
			t.Errorf("the handler had %v left, want an hour", left)
		}
		failed := &protocol.ErrorObject{ErrorType: "errorString", ErrorMessage: "it failed"}
		switch {
		case payload == "fail" && !cmp.Equal(failed, out.Error):
			t.Errorf("got error %+v, want %+v", out.Error, failed)
		case payload != "fail" && (string(out.Payload) != payload || out.Error != nil):
			t.Errorf("got an answer of %d bytes and %v, want the payload of %d", len(out.Payload), out.Error, len(payload))
		}
	}
	s.Close()
	if err := <-ended; err == nil {
		t.Error("the loop ended without an error")
	}
}

// What is too large for Lambda is refused, and the process goes on or ends as with AWS's client: it ends.
func TestServeTooLarge(t *testing.T) {
	s, ended := session(t, func(context.Context, []byte) ([]byte, error) {
		return json.Marshal(strings.Repeat("x", runtimeapi.MaxAnswer))
	})
	out, err := s.Invoke(t.Context(), &engine.Invocation{RequestID: "1", Deadline: time.Now().Add(time.Hour)})
	if err != nil || out.Error == nil || out.Error.ErrorType != "Function.ResponseSizeTooLarge" {
		t.Errorf("got %+v %v, want Function.ResponseSizeTooLarge", out.Error, err)
	}
	if err := <-ended; err == nil {
		t.Error("the loop ended without an error")
	}
}

// With several invocations at a time, an answer that is refused ends neither the process nor the others.
func TestRefusedAnswersBesideOthers(t *testing.T) {
	if os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY") == "" { // which is read once, when a program begins
		again := exec.Command(os.Args[0], "-test.run=^TestRefusedAnswersBesideOthers$")
		again.Env = append(os.Environ(), "AWS_LAMBDA_MAX_CONCURRENCY=3")
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	begun, release := make(chan string, 3), make(chan struct{})
	s, _ := session(t, func(_ context.Context, payload []byte) ([]byte, error) {
		switch begun <- string(payload); string(payload) {
		case "large":
			return make([]byte, runtimeapi.MaxAnswer+1), nil
		case "quick":
		default:
			<-release
		}
		return payload, nil
	})
	invoke := func(ctx context.Context, what string) <-chan error {
		done := make(chan error, 1)
		go func() {
			out, err := s.Invoke(ctx, &engine.Invocation{RequestID: what, Payload: []byte(what),
				Deadline: time.Now().Add(time.Hour)})
			if out.Error != nil {
				err = errors.New(out.Error.ErrorType)
			}
			done <- err
		}()
		<-begun
		return done
	}
	ctx, cancel := context.WithCancel(t.Context())
	other, late := invoke(t.Context(), "other"), invoke(ctx, "late")
	cancel()
	if err := <-late; !errors.Is(err, runtimeapi.ErrUnanswered) {
		t.Errorf("got %v, want ErrUnanswered", err)
	}
	if err := <-invoke(t.Context(), "large"); err == nil || err.Error() != "Function.ResponseSizeTooLarge" {
		t.Errorf("got %v, want Function.ResponseSizeTooLarge", err)
	}
	if err := <-invoke(t.Context(), "quick"); err != nil {
		t.Errorf("after an answer that was too large: %v", err)
	}
	close(release)
	if err := <-other; err != nil {
		t.Errorf("the other: %v", err)
	}
	for range 6 { // at all places
		if err := <-invoke(t.Context(), "quick"); err != nil {
			t.Error(err)
		}
	}
}

func TestEngine(t *testing.T) {
	for value, ours := range map[string]bool{
		"": false, "127.0.0.1:9001": false, "169.254.100.1:9001": false, "/x": false, "127.0.0.1:1/": false,
		"127.0.0.1:1/SECRET": true, "[::1]:1/SECRET": true,
	} {
		t.Setenv("AWS_LAMBDA_RUNTIME_API", value)
		if address, path, ok := loopback.Engine(); ok != ours || ok && address+path != value {
			t.Errorf("%q: got %q %q %v, want %v", value, address, path, ok, ours)
		}
	}
}
