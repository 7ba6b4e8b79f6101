package runtimeapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/protocol"
)

const (
	runtimePath = "/2018-06-01/runtime/"
	patience    = time.Minute // for what should happen at once
)

// process is the client's side of a session, driven by a test.
type process struct {
	t *testing.T
	*runtimeapi.Session
	*polls
}

// polls counts the polls that came, less those that ended without an invocation.
type polls struct{ n atomic.Int64 }

func (p *polls) hear(e runtimeapi.Event, _ *engine.Invocation) {
	switch e {
	case runtimeapi.Polled:
		p.n.Add(1)
	case runtimeapi.Unpolled:
		p.n.Add(-1)
	}
}

func attach(t *testing.T) process { return attachPlaces(t, 1) }

// attachPlaces attaches a process with so many places.
func attachPlaces(t *testing.T, places int) process {
	t.Helper()
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	p := &polls{}
	return process{t, server.Attach(places, p.hear), p}
}

// wantPolls waits until the count of polls is n.
func (p process) wantPolls(n int64) {
	p.t.Helper()
	for end := time.Now().Add(patience); p.n.Load() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("got %d polls, want %d", p.n.Load(), n)
		}
	}
}

// reply is what a test looks at in a response.
type reply struct {
	Status int
	Type   string // errorType of the body
	Header http.Header
	Body   string
}

func (p process) do(method, path string, header http.Header, body io.Reader) reply {
	p.t.Helper()
	r, err := http.NewRequest(method, "http://"+p.Endpoint()+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header = header
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var document struct{ ErrorType, ErrorMessage string }
	json.Unmarshal(data, &document)
	if response.StatusCode >= 400 && document.ErrorMessage == "" {
		p.t.Errorf("%s %s: status %d without an error document: %q", method, path, response.StatusCode, data)
	}
	return reply{response.StatusCode, document.ErrorType, response.Header, string(data)}
}

func (p process) next() reply {
	p.t.Helper()
	return p.do("GET", runtimePath+"invocation/next", nil, nil)
}

func (p process) post(path, body string) reply {
	p.t.Helper()
	return p.do("POST", runtimePath+path, nil, strings.NewReader(body))
}

// invoked is how an invocation ended.
type invoked struct {
	Outcome engine.Outcome
	Err     error
}

func (p process) invoke(ctx context.Context, id string) <-chan invoked {
	done := make(chan invoked, 1)
	go func() {
		out, err := p.Invoke(ctx, &engine.Invocation{RequestID: id, Payload: []byte(`{"n":1}`), Deadline: time.Now().Add(time.Minute)})
		done <- invoked{out, err}
	}()
	return done
}

func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened", what)
		panic("unreachable")
	}
}

func wantReply(t *testing.T, what string, got reply, status int, errorType string) {
	t.Helper()
	if got.Status != status || got.Type != errorType {
		t.Errorf("%s: got status %d, type %q, body %q, want %d, %q", what, got.Status, got.Type, got.Body, status, errorType)
	}
}

func TestInvocation(t *testing.T) {
	p := attach(t)
	deadline := time.UnixMilli(1_800_000_000_123)
	done := make(chan invoked, 1)
	go func() {
		out, err := p.Invoke(t.Context(), &engine.Invocation{
			RequestID: "r-1", FunctionARN: "arn:f", Deadline: deadline, Payload: []byte(`{"a":1}`),
			TraceID: "Root=1", TenantID: "tenant", ClientContext: `{"custom":{}}`,
		})
		done <- invoked{out, err}
	}()
	got := p.next()
	if got.Status != 200 || got.Body != `{"a":1}` {
		t.Errorf("next: got %d %q, want 200 and the payload", got.Status, got.Body)
	}
	want := map[string]string{
		"Lambda-Runtime-Aws-Request-Id":       "r-1",
		"Lambda-Runtime-Deadline-Ms":          "1800000000123",
		"Lambda-Runtime-Invoked-Function-Arn": "arn:f",
		"Lambda-Runtime-Trace-Id":             "Root=1",
		"Lambda-Runtime-Client-Context":       `{"custom":{}}`,
		"Lambda-Runtime-Aws-Tenant-Id":        "tenant",
		"Content-Type":                        "application/json",
	}
	headers := make(map[string]string)
	for name := range want {
		headers[name] = got.Header.Get(name)
	}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	answer := p.post("invocation/r-1/response", `"ok"`)
	if answer.Status != 202 || answer.Body != "{\"status\":\"OK\"}\n" {
		t.Errorf("response: got %d %q, want 202 and status OK", answer.Status, answer.Body)
	}
	wantOutcome := invoked{Outcome: engine.Outcome{Payload: []byte(`"ok"`)}}
	if diff := cmp.Diff(wantOutcome, receive(t, "outcome", done)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestReportedError(t *testing.T) {
	document := `{"errorMessage":"no stock","errorType":"StockError","stackTrace":[{"path":"main.go","line":7,"label":"main"},"at x"]}`
	tests := map[string]struct {
		header, body string
		want         *protocol.ErrorObject
	}{
		"document": {"", document, &protocol.ErrorObject{ErrorMessage: "no stock", ErrorType: "StockError",
			StackTrace: []string{"main.go:7 main", "at x"}}},
		"type in header": {"Function.Broken", `{"errorMessage":"m"}`,
			&protocol.ErrorObject{ErrorMessage: "m", ErrorType: "Function.Broken"}},
		"body wins": {"Function.Broken", `{"errorType":"T"}`, &protocol.ErrorObject{ErrorType: "T"}},
		"not JSON":  {"", "boom", &protocol.ErrorObject{ErrorMessage: "boom", ErrorType: "Runtime.Unknown"}},
		"empty":     {"", "", &protocol.ErrorObject{ErrorType: "Runtime.Unknown"}},
		"unexpected JSON": {"", `{"errorMessage":{"a": 1},"errorType":null,"stackTrace":5}`,
			&protocol.ErrorObject{ErrorMessage: `{"a":1}`, ErrorType: "Runtime.Unknown"}},
		"JavaScript": {"", `{"errorType":"E","errorMessage":"m","trace":["E: m","at f"]}`,
			&protocol.ErrorObject{ErrorMessage: "m", ErrorType: "E", StackTrace: []string{"E: m", "at f"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := attach(t)
			done := p.invoke(t.Context(), "r")
			p.next()
			got := p.do("POST", runtimePath+"invocation/r/error", http.Header{"Lambda-Runtime-Function-Error-Type": {test.header}},
				strings.NewReader(test.body))
			wantReply(t, "error", got, 202, "")
			want := invoked{Outcome: engine.Outcome{Error: test.want, ErrorPayload: []byte(test.body)}}
			if diff := cmp.Diff(want, receive(t, "outcome", done)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// A handler that streams its response out of a reader may fail on the way; the
// Go client then says so in trailers.
func TestErrorInTrailers(t *testing.T) {
	p := attach(t)
	done := p.invoke(t.Context(), "r")
	p.next()
	r, _ := http.NewRequest("POST", "http://"+p.Endpoint()+runtimePath+"invocation/r/response", io.MultiReader(strings.NewReader("half")))
	r.Trailer = http.Header{
		"Lambda-Runtime-Function-Error-Type": {"Broken"},
		"Lambda-Runtime-Function-Error-Body": {"eyJlcnJvck1lc3NhZ2UiOiJtIn0="},
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	want := &protocol.ErrorObject{ErrorMessage: "m", ErrorType: "Broken"}
	if diff := cmp.Diff(want, receive(t, "outcome", done).Outcome.Error); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	p := attach(t)
	other := attach(t)
	other.Close()
	wantReply(t, "closed session", other.next(), 403, "Forbidden")
	wantReply(t, "unknown prefix", p.do("GET", "x"+runtimePath+"invocation/next", nil, nil), 403, "Forbidden")
	wantReply(t, "answer before any invocation", p.post("invocation/r/response", "{}"), 400, "InvalidRequestID")

	done := p.invoke(t.Context(), "r")
	p.next()
	wantReply(t, "wrong id", p.post("invocation/other/response", "{}"), 400, "InvalidRequestID")
	wantReply(t, "wrong id of an error", p.post("invocation/other/error", "{}"), 400, "InvalidRequestID")
	wantReply(t, "next before the answer", p.next(), 403, "InvalidStateTransition")
	wantReply(t, "init error after the first poll", p.post("init/error", "{}"), 403, "InvalidStateTransition")
	wantReply(t, "extension", p.do("POST", "/2020-01-01/extension/register", nil, nil), 501, "NotImplemented")
	wantReply(t, "telemetry", p.do("PUT", "/2022-07-01/telemetry", nil, strings.NewReader("{}")), 501, "NotImplemented")
	wantReply(t, "restore", p.do("GET", runtimePath+"restore/next", nil, nil), 501, "NotImplemented")
	wantReply(t, "wrong method", p.do("GET", runtimePath+"invocation/r/response", nil, nil), 501, "NotImplemented")

	wantReply(t, "answer", p.post("invocation/r/response", "1"), 202, "")
	wantReply(t, "second answer", p.post("invocation/r/response", "2"), 403, "InvalidStateTransition")
	wantReply(t, "error after the answer", p.post("invocation/r/error", "{}"), 403, "InvalidStateTransition")
	if got := string(receive(t, "outcome", done).Outcome.Payload); got != "1" {
		t.Errorf("outcome: got %s, want the first answer", got)
	}
}

// HEAD must not take an invocation that its client can never read.
func TestHeadTakesNothing(t *testing.T) {
	p := attach(t)
	done := p.invoke(t.Context(), "r")
	response, err := http.Head("http://" + p.Endpoint() + runtimePath + "invocation/next")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 501 {
		t.Errorf("HEAD: got status %d, want 501", response.StatusCode)
	}
	p.next()
	p.post("invocation/r/response", "1")
	receive(t, "outcome", done)
}

func TestStreamingIsRefused(t *testing.T) {
	p := attach(t)
	done := p.invoke(t.Context(), "r")
	p.next()
	got := p.do("POST", runtimePath+"invocation/r/response", http.Header{"Lambda-Runtime-Function-Response-Mode": {"streaming"}},
		strings.NewReader("x"))
	wantReply(t, "streaming", got, 501, "Runtime.StreamingUnsupported")
	if got := receive(t, "outcome", done).Outcome.Error; got == nil || got.ErrorType != "Runtime.StreamingUnsupported" {
		t.Errorf("outcome: got error %+v, want Runtime.StreamingUnsupported", got)
	}
}

func TestAnswerSize(t *testing.T) {
	for _, length := range []string{"declared", "unknown"} {
		for size, fits := range map[int]bool{runtimeapi.MaxAnswer: true, runtimeapi.MaxAnswer + 1: false} {
			t.Run(fmt.Sprint(length, size), func(t *testing.T) {
				p := attach(t)
				done := p.invoke(t.Context(), "r")
				p.next()
				var body io.Reader = bytes.NewReader(make([]byte, size))
				if length == "unknown" {
					body = io.MultiReader(body)
				}
				got := p.do("POST", runtimePath+"invocation/r/response", nil, body)
				out := receive(t, "outcome", done).Outcome
				if fits {
					wantReply(t, "response", got, 202, "")
					if len(out.Payload) != size {
						t.Errorf("payload: got %d bytes, want %d", len(out.Payload), size)
					}
					return
				}
				wantReply(t, "response", got, 413, "RequestEntityTooLarge")
				want := &protocol.ErrorObject{
					ErrorType:    "Function.ResponseSizeTooLarge",
					ErrorMessage: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
				}
				if diff := cmp.Diff(want, out.Error); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestAnswerAfterTheEnd(t *testing.T) {
	p := attach(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := p.invoke(ctx, "r")
	p.next()
	cancel()
	if err := receive(t, "outcome", done).Err; !errors.Is(err, runtimeapi.ErrUnanswered) {
		t.Errorf("got error %v, want ErrUnanswered", err)
	}
	wantReply(t, "late answer", p.post("invocation/r/response", "1"), 400, "InvalidRequestID")

	again := p.invoke(t.Context(), "r2")
	p.next()
	p.post("invocation/r2/response", "2")
	if got := string(receive(t, "next outcome", again).Outcome.Payload); got != "2" {
		t.Errorf("next invocation: got %s, want 2", got)
	}
}

func TestNotTaken(t *testing.T) {
	p := attach(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := p.invoke(ctx, "r")
	cancel()
	if err := receive(t, "outcome", done).Err; !errors.Is(err, runtimeapi.ErrNotTaken) {
		t.Errorf("cancelled: got error %v, want ErrNotTaken", err)
	}
	done = p.invoke(t.Context(), "r")
	p.Close()
	if err := receive(t, "outcome", done).Err; !errors.Is(err, runtimeapi.ErrNotTaken) {
		t.Errorf("closed: got error %v, want ErrNotTaken", err)
	}
}

func TestBusy(t *testing.T) {
	p := attach(t)
	done := p.invoke(t.Context(), "r")
	p.next()
	if err := receive(t, "second", p.invoke(t.Context(), "r2")).Err; !errors.Is(err, runtimeapi.ErrBusy) {
		t.Errorf("got error %v, want ErrBusy", err)
	}
	p.Close()
	if err := receive(t, "first", done).Err; !errors.Is(err, runtimeapi.ErrUnanswered) {
		t.Errorf("got error %v, want ErrUnanswered", err)
	}
}

// A client whose poll broke comes back before the server has noticed: the new
// poll gets the invocation, and the old one an end.
func TestPollIsReplaced(t *testing.T) {
	p := attach(t)
	first := make(chan reply, 1)
	go func() { first <- p.next() }()
	p.wantPolls(1)
	second := make(chan reply, 1)
	go func() { second <- p.next() }()
	wantReply(t, "old poll", receive(t, "old poll", first), 403, "InvalidStateTransition")
	done := p.invoke(t.Context(), "r")
	wantReply(t, "new poll", receive(t, "new poll", second), 200, "")
	p.post("invocation/r/response", "1")
	receive(t, "outcome", done)
}

// A poll whose client went away does not swallow the next invocation.
func TestPollIsAbandoned(t *testing.T) {
	p := attach(t)
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+p.Endpoint()+runtimePath+"invocation/next", nil)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			http.DefaultClient.Do(r)
		}()
		p.wantPolls(1)
		cancel()
		<-gone
		p.wantPolls(0)
	}
	done := p.invoke(t.Context(), "r")
	p.next()
	p.post("invocation/r/response", "1")
	if got := string(receive(t, "outcome", done).Outcome.Payload); got != "1" {
		t.Errorf("got %q, want 1", got)
	}
}

func TestInitError(t *testing.T) {
	p := attach(t)
	failed := make(chan error, 1)
	go func() { failed <- p.WaitReady(t.Context()) }()
	document := `{"errorMessage":"no config","errorType":"Runtime.ConfigError"}`
	wantReply(t, "init error", p.post("init/error", document), 202, "")
	wantReply(t, "second init error", p.post("init/error", document), 403, "InvalidStateTransition")
	p.Close()
	var got *runtimeapi.InitError
	if err := receive(t, "WaitReady", failed); !errors.As(err, &got) {
		t.Fatalf("got error %v, want an InitError", err)
	}
	want := &runtimeapi.InitError{
		Object:   &protocol.ErrorObject{ErrorMessage: "no config", ErrorType: "Runtime.ConfigError"},
		Document: []byte(document),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// slowly opens a connection and sends a request whose body does not come.
func (p process) slowly(path string, headers ...string) net.Conn {
	p.t.Helper()
	address, secret, _ := strings.Cut(p.Endpoint(), "/")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST /%s%s HTTP/1.1\r\nHost: h\r\n%sContent-Length: 100\r\n\r\n{", secret, path,
		strings.Join(append(headers, ""), "\r\n"))
	return conn
}

func wantEnd(t *testing.T, what string, conn net.Conn, status int) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(patience))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if response.StatusCode != status {
		t.Errorf("%s: got status %d, want %d", what, response.StatusCode, status)
	}
	io.Copy(io.Discard, conn) // returns when the server hangs up
}

// A body that never ends is read no longer than the invocation lasts.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	p := attach(t)
	initError := p.slowly(runtimePath+"init/error", "Expect: 100-continue")
	const going = "HTTP/1.1 100 Continue\r\n\r\n" // the server reads the body
	if _, err := io.ReadFull(initError, make([]byte, len(going))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := p.invoke(ctx, "r")
	p.next()
	answer := p.slowly(runtimePath + "invocation/r/response")
	wrong := p.slowly(runtimePath + "invocation/other/response")
	cancel()
	receive(t, "outcome", done)
	wantEnd(t, "answer", answer, 400)
	wantEnd(t, "wrong id", wrong, 400)
	p.Close()
	wantEnd(t, "init error", initError, 400)
	wantEnd(t, "after the end", p.slowly(runtimePath+"invocation/r/response"), 403)
}

// Two bodies race to answer one invocation: one wins, the other is told.
func TestAnswersRace(t *testing.T) {
	p := attach(t)
	for i := range 50 {
		id := fmt.Sprint("r", i)
		done := p.invoke(t.Context(), id)
		p.next()
		replies := make(chan reply, 2)
		for n := range 2 {
			go func() { replies <- p.post("invocation/"+id+"/response", fmt.Sprint(n)) }()
		}
		a, b := receive(t, "answer", replies), receive(t, "answer", replies)
		if a.Status+b.Status != 202+403 {
			t.Fatalf("got statuses %d and %d, want 202 and 403", a.Status, b.Status)
		}
		receive(t, "outcome", done)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	count := &polls{}
	p := process{t, server.Attach(1, count.hear), count}
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		if response, err := http.Get("http://" + p.Endpoint() + runtimePath + "invocation/next"); err == nil {
			response.Body.Close()
		}
	}()
	if err := p.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.slowly(runtimePath + "init/error")
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	receive(t, "poll", polled)
	if err := receive(t, "invocation", p.invoke(t.Context(), "r")).Err; !errors.Is(err, runtimeapi.ErrNotTaken) {
		t.Errorf("Invoke: got %v, want ErrNotTaken", err)
	}
	if err := server.Attach(1, count.hear).WaitReady(t.Context()); !errors.Is(err, runtimeapi.ErrClosed) {
		t.Errorf("WaitReady of a later session: got %v, want ErrClosed", err)
	}
	http.DefaultClient.CloseIdleConnections()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got %d goroutines, want %d", runtime.NumGoroutine(), before)
		}
	}
}

// What a function reports becomes part of a history, whatever its size.
func TestErrorIsBounded(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"text":    strings.Repeat("\xff", 6<<20),
		"message": `{"errorMessage":"` + strings.Repeat("é", 3<<20) + `"}`,
		"trace":   `{"stackTrace":[` + strings.Repeat(`"at f",`, 100_000) + `"at f"]}`,
	} {
		checkError(t, name, runtimeapi.DecodeError([]byte(document), ""))
	}
}

func checkError(t *testing.T, what string, e *protocol.ErrorObject) {
	t.Helper()
	if e.ErrorType == "" {
		t.Errorf("%s: got no error type", what)
	}
	all := e.ErrorMessage + e.ErrorType + strings.Join(e.StackTrace, "\n")
	if max := 3 * 256 << 10; len(all) > max {
		t.Errorf("%s: got an object of %d bytes, want at most %d", what, len(all), max)
	}
	if !utf8.ValidString(all) {
		t.Errorf("%s: got an object that is not UTF-8: %.200q", what, all)
	}
}

// FuzzErrorDocument: whatever a function reports becomes an error object that
// has a type, is valid UTF-8 and of bounded size.
func FuzzErrorDocument(f *testing.F) {
	for _, seed := range []string{"", "null", "{}", "[]", "\xff",
		`{"errorMessage":"m","errorType":"t","stackTrace":["a",{"path":"p","line":1,"label":"l"},1,null]}`,
		`{"errorMessage":{"a":[1,2]},"errorType":1.5,"stackTrace":{"a":1}}`, `{"errorMessage":"\ud800"}`} {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "Function.Error")
	}
	f.Fuzz(func(t *testing.T, document []byte, header string) {
		checkError(t, "fuzz", runtimeapi.DecodeError(document, header))
	})
}
