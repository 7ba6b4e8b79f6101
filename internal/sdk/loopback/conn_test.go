package loopback

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pipe is a connection on whose other end script runs.
func pipe(t *testing.T, script func(other net.Conn)) *Conn {
	t.Helper()
	ours, other := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	go func() {
		defer other.Close()
		script(other)
	}()
	return &Conn{Conn: ours, address: "127.0.0.1:1", in: make([]byte, 64)}
}

// What is sent is what net/http reads, also several requests in one write.
func TestSend(t *testing.T) {
	type seen struct{ Method, Path, Host, Type, Trace, Prefer, Body string }
	large := strings.Repeat("x", maxCopied+1)
	want := []seen{
		{"POST", "/a?b=c", "127.0.0.1:1", "application/json", "Root=1", "return=minimal", "{}"},
		{"POST", "/b%2Fc", "127.0.0.1:1", "text/plain", "", "", large},
		{"POST", "/", "127.0.0.1:1", "text/plain", "", "", ""},
		{"GET", "/next", "127.0.0.1:1", "", "", "", ""},
	}
	got := make(chan seen, len(want))
	c := pipe(t, func(other net.Conn) {
		for r := bufio.NewReader(other); ; {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(req.Body)
			got <- seen{req.Method, req.RequestURI, req.Host, req.Header.Get("Content-Type"),
				req.Header.Get("X-Amzn-Trace-Id"), req.Header.Get("Prefer"), string(body)}
		}
	})
	var requests []*Request
	for _, w := range want {
		requests = append(requests, &Request{Method: w.Method, Path: w.Path, Type: w.Type, Trace: w.Trace,
			Minimal: w.Prefer != "", Body: []byte(w.Body)})
	}
	if err := c.Send(requests...); err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if diff := cmp.Diff(w, <-got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
}

// Replies come in pieces of any size, several at once, and larger than the buffer.
func TestReceive(t *testing.T) {
	large := strings.Repeat("0123456789", 10_000)
	text := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Some:  a b \r\n\r\n{}" +
		"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n" +
		"HTTP/1.1 403 \r\nContent-Type: x\r\nContent-Length: 100000\r\n\r\n" + large +
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n!"
	type reply struct {
		Status     int
		Body, Some string
	}
	want := []reply{{200, "{}", "a b"}, {202, "", ""}, {403, large, ""}, {200, "!", ""}}
	for _, piece := range []int{1, 2, 7, 63, 64, 65, 4096, len(text)} {
		t.Run(fmt.Sprint(piece), func(t *testing.T) {
			c := pipe(t, func(other net.Conn) {
				for rest := []byte(text); len(rest) > 0; rest = rest[min(piece, len(rest)):] {
					if _, err := other.Write(rest[:min(piece, len(rest))]); err != nil {
						return
					}
				}
			})
			for i, w := range want {
				r, err := c.Receive()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(w, reply{r.Status, string(r.Body), r.Header("x-some")}); diff != "" {
					t.Errorf("reply %d (-want +got):\n%s", i+1, diff)
				}
				if last := i == len(want)-1; c.broken != last {
					t.Errorf("after reply %d the connection is broken: %v, want %v", i+1, c.broken, last)
				}
				c.Done()
			}
			if len(c.in) > keptBuffer {
				t.Errorf("an idle connection keeps %d bytes", len(c.in))
			}
		})
	}
}

// Anything that is not an engine's reply is an error, and ends the connection.
func TestReceiveOther(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":        "",
		"half a head":    "HTTP/1.1 200 OK\r\nContent-Le",
		"half a body":    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
		"no length":      "HTTP/1.1 200 OK\r\n\r\n",
		"chunked":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"negative":       "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"huge":           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
		"1.0":            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"continue":       "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
		"no status":      "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
		"short":          "HTTP\r\n\r\n",
		"something else": "220 mail.example.com ESMTP\r\n\r\n",
		"endless head":   "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHead),
	} {
		t.Run(name, func(t *testing.T) {
			c := pipe(t, func(other net.Conn) { io.WriteString(other, text) })
			if r, err := c.Receive(); err == nil || !c.broken {
				t.Errorf("got %+v %v, broken %v; want an error and a broken connection", r, err, c.broken)
			}
		})
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole := &Conn{Conn: reading{Reader: strings.NewReader(string(data))}, in: make([]byte, 64)}
		split := &Conn{Conn: reading{Reader: iotest.OneByteReader(strings.NewReader(string(data)))}, in: make([]byte, 64)}
		for {
			a, errA := whole.Receive()
			b, errB := split.Receive()
			if (errA == nil) != (errB == nil) {
				t.Fatalf("got %v at once and %v byte by byte", errA, errB)
			}
			if errA != nil {
				return
			}
			if a.Status != b.Status || string(a.Body) != string(b.Body) || a.Header("X") != b.Header("X") {
				t.Fatalf("got %+v at once and %+v byte by byte", a, b)
			}
		}
	})
}

// reading is a connection from which one reads.
type reading struct {
	net.Conn
	io.Reader
}

func (r reading) Read(p []byte) (int, error) { return r.Reader.Read(p) }

// engine is a server of HTTP on loopback, and counts its connections.
func engine(t *testing.T, serve http.HandlerFunc) (address string, connections *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = new(atomic.Int32)
	s := &http.Server{Handler: serve, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String(), connections
}

func TestClientKeepsConnections(t *testing.T) {
	const closing, last = 3, 5
	n := 0
	address, connections := engine(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == closing {
			w.Header().Set("Connection", "close")
		}
		fmt.Fprintf(w, "%s %d", r.URL, n)
	})
	c := NewClient(address)
	for i := 1; i <= last; i++ {
		err := c.Do(t.Context(), time.Minute, &Request{Method: "GET", Path: "/p"}, func(r *Reply) {
			if got, want := string(r.Body), fmt.Sprint("/p ", i); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := connections.Load(); got != 2 {
		t.Errorf("got %d connections, want 2: the server closed one", got)
	}
}

// A connection that idles may be closed by the engine without our noticing. The call goes out on another.
func TestClientStaleConnection(t *testing.T) {
	address, connections := engine(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	c := NewClient(address)
	call := func() error {
		return c.Do(t.Context(), time.Minute, &Request{Method: "GET", Path: "/"}, func(*Reply) {})
	}
	if err := call(); err != nil {
		t.Fatal(err)
	}
	c.idle[0].Close()
	if err := call(); err != nil || connections.Load() != 2 {
		t.Errorf("got %v and %d connections, want success on a second one", err, connections.Load())
	}
}

func TestClientGivesUp(t *testing.T) {
	arrived := make(chan struct{}, 1)
	address, _ := engine(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	ask := func(ctx context.Context, timeout time.Duration) error {
		return NewClient(address).Do(ctx, timeout, &Request{Method: "GET", Path: "/"}, func(*Reply) {})
	}
	if err := ask(t.Context(), time.Millisecond); !isTimeout(err) {
		t.Errorf("got %v, want a timeout", err)
	}
	<-arrived
	cause := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-arrived
		cancel(cause)
	}()
	if err := ask(ctx, time.Minute); err != cause {
		t.Errorf("got %v, want the context's cause", err)
	}
	if err := NewClient("127.0.0.1:1").Do(t.Context(), time.Minute, &Request{Method: "GET", Path: "/"}, nil); err == nil {
		t.Error("a call to nobody succeeded")
	}
}
