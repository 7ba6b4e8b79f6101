package loopback_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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

// The engine may close a connection with its reply, or while the function works: the answer is sent, or sent again,
// and the loop goes on. It ends when that does not help, and when the answer is refused.
func TestServeReconnects(t *testing.T) {
	const (
		invocation = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: %d\r\nContent-Length: 0\r\n\r\n"
		accepted   = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
		last       = "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
		refused    = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	)
	type action struct {
		read  string // the request that comes
		reply string // to it; the connection ends without one
	}
	end := []action{{"GET next", ""}}
	for _, test := range []struct {
		name        string
		connections [][]action
		size        int // of the answers
		err         string
	}{
		{"closed with the reply", [][]action{{{"GET next", invocation}, {"POST 1", last}},
			{{"GET next", invocation}, {"POST 2", accepted}, {"GET next", ""}}}, 4, "asking for an invocation: EOF"},
		{"closed before it", [][]action{{{"GET next", invocation}}, {{"POST 1", accepted}, {"GET next", invocation}},
			{{"POST 2", last}}, end}, 4, "asking for an invocation: EOF"},
		{"closed again", [][]action{{{"GET next", invocation}}, {{"POST 1", ""}}}, 4, "answering an invocation: "},
		{"refused unread", [][]action{{{"GET next", invocation}, {"POST 1", refused}}}, 32 << 20, "the answer was refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)) // for a loop that ends too early
			closed, ended := make(chan bool, 9), make(chan error, 1)
			var after []bool // invocations: whether the connection is closed during it
			for _, actions := range test.connections {
				for i, a := range actions {
					if a.reply == invocation {
						after = append(after, i == len(actions)-1)
					}
				}
			}
			invocations := 0
			go func() {
				ended <- loopback.Serve(l.Addr().String(), "/secret", handlerFunc(
					func(context.Context, []byte) ([]byte, error) {
						if invocations++; after[invocations-1] {
							<-closed
						}
						return make([]byte, test.size), nil
					}))
			}()
			n := 0
			for _, actions := range test.connections {
				conn, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				in := bufio.NewReader(conn)
				for _, a := range actions {
					req, err := http.ReadRequest(in)
					if err != nil {
						t.Fatal(err)
					}
					id, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/secret/2018-06-01/runtime/invocation/"), "/")
					if got := req.Method + " " + id; got != a.read {
						t.Errorf("got request %s, want %s", got, a.read)
					}
					if a.reply != refused {
						io.Copy(io.Discard, req.Body)
					}
					if a.reply == invocation {
						n++
						a.reply = fmt.Sprintf(invocation, n)
					}
					io.WriteString(conn, a.reply)
				}
				conn.Close()
				closed <- true
			}
			if err := <-ended; err == nil || !strings.HasPrefix(err.Error(), test.err) {
				t.Errorf("got %v, want %s", err, test.err)
			}
		})
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
