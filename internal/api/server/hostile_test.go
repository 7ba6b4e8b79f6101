package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/core/store/memstore"
)

// target is a server with the real Lambda API, an engine behind it, and one
// function. Its limits are short, so that tests are.
type target struct {
	t       *testing.T
	server  *Server
	address string
}

// echoFunction answers with its event.
type echoFunction struct{}

func (echoFunction) Invoke(_ context.Context, inv *engine.Invocation) engine.Outcome {
	return engine.Outcome{Payload: inv.Payload}
}

// newEcho is an engine with the function echo.
func newEcho(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := e.Functions().Register(engine.Function{Name: "echo", Invoker: echoFunction{}, Timeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	return e
}

// both runs a test against both kinds of server: everything holds for both.
func both(t *testing.T, test func(t *testing.T, plain bool)) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%t", plain), func(t *testing.T) { test(t, plain) })
	}
}

func newTarget(t *testing.T, plain bool, limits Limits) *target {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	e := newEcho(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	faces := []*route.Face{lambdaapi.New(e, e.Functions(), &lambdaapi.Options{Logger: quiet})}
	s := newServer(faces, &Options{Logger: quiet, Limits: limits}, plain)
	go s.Serve(l)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx)
	})
	return &target{t, s, l.Addr().String()}
}

func (g *target) dial() net.Conn {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.address)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		g.t.Fatal(err)
	}
	return conn
}

// send writes text on a new connection and returns it.
func (g *target) send(text string) net.Conn {
	g.t.Helper()
	conn := g.dial()
	if _, err := io.WriteString(conn, text); err != nil {
		g.t.Fatal(err)
	}
	return conn
}

// answer reads one answer. Nil says that the connection was closed without one.
func (g *target) answer(conn net.Conn) *http.Response {
	g.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		if nerr, ok := err.(net.Error); ok && nerr.Timeout() {
			g.t.Fatal("no answer came, and the connection stayed open")
		}
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// want checks an answer's status and error code.
func (g *target) want(conn net.Conn, status int, code string) {
	g.t.Helper()
	resp := g.answer(conn)
	if resp == nil {
		g.t.Errorf("got a closed connection, want %d %s", status, code)
		return
	}
	if got := resp.Header.Get("X-Amzn-Errortype"); resp.StatusCode != status || got != code {
		body, _ := io.ReadAll(resp.Body)
		g.t.Errorf("got %d %s %.200s, want %d %s", resp.StatusCode, got, body, status, code)
	}
}

// wantClosed checks that the server ends the connection.
func (g *target) wantClosed(conn net.Conn) {
	g.t.Helper()
	if _, err := io.Copy(io.Discard, conn); err != nil {
		if nerr, ok := err.(net.Error); ok && nerr.Timeout() {
			g.t.Error("the connection stayed open")
		}
	}
}

// works checks that somebody who behaves is served.
func (g *target) works() {
	g.t.Helper()
	g.want(g.send(invokeEcho(`{"fine":true}`)), 200, "")
}

// worksInTheEnd is works for a server that is so impatient that it may send us away, too, where we get no processor.
func (g *target) worksInTheEnd() {
	g.t.Helper()
	for range 100 {
		if resp := g.answer(g.send(invokeEcho(`{"fine":true}`))); resp != nil && resp.StatusCode == http.StatusOK {
			return
		}
	}
	g.t.Error("somebody who behaves is never served")
}

const invokeLine = "POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: localhost\r\n"

func invokeEcho(event string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", invokeLine, len(event), event)
}

// settles waits until what f counts is at most want.
func settles(t *testing.T, what string, want int, f func() int) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for f() > want {
		if time.Now().After(deadline) {
			t.Errorf("%s: got %d, want %d at most", what, f(), want)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestHostileRequests sends what no honest client does: each gets an answer
// that says so, or an end, and nobody else notices.
func TestHostileRequests(t *testing.T) { both(t, testHostileRequests) }

func testHostileRequests(t *testing.T, plain bool) {
	const checkpoint = "POST /2025-12-01/durable-executions/arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST/durable-execution/a/b/checkpoint HTTP/1.1\r\nHost: localhost\r\n"
	sized := func(line, body string) string {
		return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", line, len(body), body)
	}
	deep := strings.Repeat("[", 200_000)
	for _, test := range []struct {
		name, request string
		status        int // 0 is the end of the connection
		code          string
	}{
		{"event that is too large", sized(invokeLine, `"`+strings.Repeat("x", 6<<20)+`"`), 413, "RequestTooLargeException"},
		{"checkpoint that is too large", sized(checkpoint, strings.Repeat(" ", 14<<20)), 413, "RequestTooLargeException"},
		{"announced too much", invokeLine + "Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n", 413, "RequestTooLargeException"},
		{"endless chunks", invokeLine + "Transfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("10000\r\n"+strings.Repeat(" ", 1<<16)+"\r\n", 100) + "0\r\n\r\n", 413, "RequestTooLargeException"},
		{"invalid UTF-8 in an event", invokeEcho("\"\xff\xfe\""), 400, "InvalidRequestContentException"},
		{"invalid UTF-8 in a checkpoint", sized(checkpoint, "{\"CheckpointToken\":\"\xff\"}"), 400, "SerializationException"},
		{"deep event", invokeEcho(deep), 400, "InvalidRequestContentException"},
		{"deep checkpoint", sized(checkpoint, `{"Updates":`+deep), 400, "SerializationException"},
		{"deep unknown member", sized(checkpoint, `{"x":`+deep), 400, "SerializationException"},
		{"not JSON", sized(checkpoint, "<xml/>"), 400, "SerializationException"},
		{"wrong content type", sized(checkpoint+"Content-Type: text/html\r\n", `{"CheckpointToken":"YQ=="}`), 400,
			"InvalidParameterValueException"},
		{"huge header", "GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", 431, ""},
		{"many headers", "GET /health HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: y\r\n", 20_000) + "\r\n", 431, ""},
		{"huge path", "GET /" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "RequestURITooLongException"},
		{"unknown path", "GET /etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "UnknownOperationException"},
		{"path upwards", "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "UnknownOperationException"},
		{"escaped path upwards", "GET /ui/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "UnknownOperationException"},
		{"function name upwards", "POST /2015-03-31/functions/..%2F..%2Fx/invocations HTTP/1.1\r\nHost: " +
			"localhost\r\nContent-Length: 0\r\n\r\n", 400, "ValidationException"},
		{"NUL in a path", "GET /2025-12-01/durable-executions/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "ValidationException"},
		{"unknown method", "BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "MethodNotAllowedException"},
		{"CONNECT", "CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "UnknownOperationException"},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "UnknownOperationException"},
		{"HTTP/1.0", "GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n", 200, ""},
		{"HTTP/1.0 without host", "GET /health HTTP/1.0\r\n\r\n", 200, ""},
		{"HTTP/1.0 without host, not for everybody", "GET /2015-03-31/functions HTTP/1.0\r\n\r\n", 403, "AccessDeniedException"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 403, "AccessDeniedException"},
		{"two hosts", "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", 400, ""},
		{"other host", "GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 403, "AccessDeniedException"},
		{"two lengths", invokeLine + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400, ""},
		// the chunks count; the connection ends, so nothing is smuggled
		{"length and chunks", invokeLine + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200, ""},
		{"unknown coding", invokeLine + "Transfer-Encoding: gzip\r\n\r\n", 501, ""},
		{"negative length", invokeLine + "Content-Length: -1\r\n\r\n", 400, ""},
		{"bad chunk", invokeLine + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "InvalidRequestContentException"},
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 garbage\r\n\r\n", 400, ""},
		{"LF in a header", "GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\nb: c\r\n bad\x00\r\n\r\n", 400, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newTarget(t, plain, Limits{})
			conn := g.dial()
			sent := make(chan struct{})
			go func() { // may be refused in the middle
				defer close(sent)
				_, _ = io.WriteString(conn, test.request)
			}()
			g.want(conn, test.status, test.code)
			conn.Close()
			<-sent
			g.works()
		})
	}
}

// TestPipelinedGarbage: what follows a good request on its connection ends the
// connection, after the good one was answered.
func TestPipelinedGarbage(t *testing.T) { both(t, testPipelinedGarbage) }

func testPipelinedGarbage(t *testing.T, plain bool) {
	g := newTarget(t, plain, Limits{})
	conn := g.send(invokeEcho(`1`) + "GARBAGE\r\n\r\n")
	r := bufio.NewReader(conn)
	for _, want := range []int{200, 400} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("got %v, %v, want %d", resp, err, want)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	g.wantClosed(conn)
}

// TestSlow: who stops sending, or receiving, is sent away.
func TestSlow(t *testing.T) { both(t, testSlow) }

func testSlow(t *testing.T, plain bool) {
	const short = 100 * time.Millisecond // only for what a test exceeds: the machine may be slow with all else
	t.Run("header", func(t *testing.T) {
		g := newTarget(t, plain, Limits{HeaderTime: short})
		g.wantClosed(g.send("POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: loc"))
	})
	t.Run("nothing", func(t *testing.T) {
		g := newTarget(t, plain, Limits{HeaderTime: short, IdleTime: short})
		g.wantClosed(g.send(""))
	})
	t.Run("body", func(t *testing.T) {
		g := newTarget(t, plain, Limits{SteadyTime: short})
		conn := g.send(invokeLine + "Content-Length: 10\r\n\r\n{\"a\"")
		g.want(conn, 408, "RequestTimeoutException")
		g.wantClosed(conn)
	})
	t.Run("body that nobody reads", func(t *testing.T) {
		g := newTarget(t, plain, Limits{SteadyTime: short})
		conn := g.send("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
		g.want(conn, 404, "UnknownOperationException")
		g.wantClosed(conn)
	})
	t.Run("next request", func(t *testing.T) {
		g := newTarget(t, plain, Limits{IdleTime: short})
		conn := g.send(invokeEcho(`1`))
		g.want(conn, 200, "")
		g.wantClosed(conn)
	})
	t.Run("reading the answer", func(t *testing.T) {
		g := newTarget(t, plain, Limits{SteadyTime: 200 * time.Millisecond})
		conn := g.dial().(*net.TCPConn)
		if err := conn.SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		event := `"` + strings.Repeat("x", 5<<20) + `"`
		if _, err := io.WriteString(conn, strings.Repeat(invokeEcho(event), 4)); err != nil {
			return // sent away while it was still sending
		}
		settles(t, "connections", 0, g.server.connections.count)
	})
}

// TestHalfClosed: who has sent everything and closes his side still gets the answer.
func TestHalfClosed(t *testing.T) { both(t, testHalfClosed) }

func testHalfClosed(t *testing.T, plain bool) {
	g := newTarget(t, plain, Limits{})
	for _, test := range []struct {
		request string
		status  int
		code    string
	}{
		{"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, ""},
		{invokeLine + "Content-Length: 9\r\n\r\n{", 400, "InvalidRequestContentException"},
	} {
		conn := g.send(test.request)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		g.want(conn, test.status, test.code)
	}
}

// TestBodiesAreBounded: all bodies together take no more than they may, and
// what is refused is not kept.
func TestBodiesAreBounded(t *testing.T) { both(t, testBodiesAreBounded) }

func testBodiesAreBounded(t *testing.T, plain bool) {
	g := newTarget(t, plain, Limits{BodyBytes: 1 << 20})
	var held []net.Conn
	for range 2 { // each sends most of half a megabyte, and waits
		held = append(held, g.send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", invokeLine, 500<<10, strings.Repeat(" ", 490<<10))))
	}
	settles(t, "missing", 0, func() int { return 2*490<<10 - int(g.server.load.bodies.taken.Load()) })
	g.want(g.send(invokeEcho(`"`+strings.Repeat("x", 200<<10)+`"`)), 429, "TooManyRequestsException")
	for _, conn := range held {
		conn.Close()
	}
	settles(t, "bytes held", 0, func() int { return int(g.server.load.bodies.taken.Load()) })
	g.works()
}

// idle counts the idle connections.
func idle(c *connections) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for place := c.order.Front(); place != c.border; place = place.Next() {
		n++
	}
	return n
}

// TestIdleConnectionsMakeRoom: thousands of connections that do nothing keep
// nobody out.
func TestIdleConnectionsMakeRoom(t *testing.T) { both(t, testIdleConnectionsMakeRoom) }

func testIdleConnectionsMakeRoom(t *testing.T, plain bool) {
	const most, hostile = 50, 400
	g := newTarget(t, plain, Limits{Connections: most})
	busy := g.send(invokeLine + "Content-Length: 3\r\n\r\n") // in the middle of a request
	settles(t, "requests that are not there yet", 0, func() int {
		return 1 - g.server.connections.count() + idle(&g.server.connections)
	})
	for i := range hostile {
		conn := g.dial()
		if i%2 == 0 { // some have been used, and wait for their next request
			if _, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	settles(t, "connections", most, g.server.connections.count)
	settles(t, "connections in use", 1, func() int { return most - idle(&g.server.connections) })
	for range 10 {
		g.works()
	}
	if _, err := io.WriteString(busy, "123"); err != nil {
		t.Fatal(err)
	}
	g.want(busy, 200, "")
}

// TestNothingIsLeft: after all kinds of ends, no goroutine, connection or byte
// is left.
func TestNothingIsLeft(t *testing.T) { both(t, testNothingIsLeft) }

func testNothingIsLeft(t *testing.T, plain bool) {
	g := newTarget(t, plain, Limits{SteadyTime: 100 * time.Millisecond, HeaderTime: 100 * time.Millisecond})
	g.worksInTheEnd()
	settles(t, "connections", 1, g.server.connections.count)
	before := runtime.NumGoroutine()
	for i := range 300 {
		conn, err := net.Dial("tcp", g.address)
		if err != nil {
			t.Fatal(err)
		}
		switch i % 6 {
		case 0: // opened and closed
		case 1: // half a header
			_, _ = io.WriteString(conn, "GET / HT")
		case 2: // half a body
			_, _ = io.WriteString(conn, invokeLine+"Content-Length: 100\r\n\r\n{")
		case 3: // gone before the answer
			_, _ = io.WriteString(conn, invokeEcho(`{"a":1}`))
		case 4: // reset
			_, _ = io.WriteString(conn, invokeEcho(`{"a":1}`))
			_ = conn.(*net.TCPConn).SetLinger(0)
		case 5: // garbage
			_, _ = io.WriteString(conn, "\x00\x01\x02\r\n\r\n")
		}
		conn.Close()
	}
	settles(t, "connections", 1, g.server.connections.count)
	settles(t, "goroutines", before, runtime.NumGoroutine)
	settles(t, "bytes held", 0, func() int { return int(g.server.load.bodies.taken.Load()) })
	settles(t, "open requests", 0, func() int { return int(g.server.load.open.Load()) })
	g.worksInTheEnd()
}

// TestShutdown: what is under way is answered, within limits.
func TestShutdown(t *testing.T) { both(t, testShutdown) }

func testShutdown(t *testing.T, plain bool) {
	release := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		io.WriteString(w, "done")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(lambdaOf(slow), &Options{}, plain)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	answers := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String() + "/health")
		if err != nil {
			answers <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answers <- string(body)
	}()
	settles(t, "requests to come", 0, func() int { return 1 - int(s.load.open.Load()) })
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("connections are still accepted")
	}
	close(release)
	if got := <-answers; got != "done" {
		t.Errorf("got %q, want the answer", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
