package plainhttp

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
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pipes is a listener whose connections are in memory, so that they keep
// virtual time.
type pipes struct {
	queue  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.queue:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// target is a server in a bubble of virtual time.
type target struct {
	*testing.T
	*Server
	*pipes
	served chan error
}

func serve(t *testing.T, odd *http.Server) *target {
	g := &target{T: t, pipes: &pipes{make(chan net.Conn), make(chan struct{})}, served: make(chan error, 1)}
	g.Server = New(odd)
	go func() { g.served <- g.Server.Serve(g.pipes) }()
	t.Cleanup(func() { g.Server.Close() })
	return g
}

func (g *target) dial() net.Conn {
	client, conn := net.Pipe()
	g.queue <- conn
	return client
}

func (g *target) send(conn net.Conn, text string) {
	g.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		g.Fatal(err)
	}
}

func (g *target) want(conn net.Conn, status int, body string) {
	g.Helper()
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil) // small: nothing of the next one
	if err != nil {
		g.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || string(got) != body {
		g.Errorf("got %d %q, %v, want %d %q", resp.StatusCode, got, err, status, body)
	}
}

// wantClosed checks that the server closes the connection after so long.
func (g *target) wantClosed(conn net.Conn, after time.Duration) {
	g.Helper()
	began := time.Now()
	_, err := io.Copy(io.Discard, conn)
	if took := time.Since(began); err != nil || took != after {
		g.Errorf("got an end after %s, %v, want one after %s", took, err, after)
	}
}

// echo answers with the body, and says what came of it.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %v", r.URL.Path, body, err)
}

const plain = "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok"

// TestStates: what bounds connections hears of each as it does from net/http.
func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var states []string
		g := serve(t, &http.Server{Handler: http.HandlerFunc(echo), ConnState: func(_ net.Conn, s http.ConnState) {
			states = append(states, s.String())
		}})
		conn := g.dial()
		for range 2 {
			g.send(conn, plain)
			g.want(conn, 200, "/a ok <nil>")
		}
		g.send(conn, "GET /b HTTP/1.0\r\n\r\n")
		g.want(conn, 200, "/b  <nil>")
		synctest.Wait()
		plainly := []string{"new", "active", "idle", "active", "idle", "hijacked"}
		if diff := cmp.Diff(append(plainly, "new", "active", "closed"), states); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if n := len(g.Server.conns); n != 0 {
			t.Errorf("got %d connections, want none", n)
		}
	})
}

// TestPlainStaysPlain: wherever the buffer ends, in a head or a body, two
// plain requests in one write are not for net/http.
func TestPlainStaysPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := serve(t, &http.Server{Handler: http.HandlerFunc(echo), ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateHijacked {
				t.Error("a plain connection was handed over")
			}
		}})
		conn := g.dial()
		for n := bufferBytes - 200; n < bufferBytes+20; n += 3 {
			body := strings.Repeat("b", n)
			text := fmt.Sprintf("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", n, body)
			go io.WriteString(conn, text+"GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n")
			g.want(conn, 200, "/a "+body+" <nil>")
			g.want(conn, 200, "/b  <nil>")
		}
	})
}

// TestLimits: who sends nothing is sent away when the time for that is over,
// before a request and after one, watched or not.
func TestLimits(t *testing.T) {
	settings := func(h http.HandlerFunc) *http.Server {
		return &http.Server{Handler: h, ReadHeaderTimeout: 3 * time.Second, IdleTimeout: time.Minute}
	}
	watched := func(w http.ResponseWriter, r *http.Request) {
		r.Context().Done()
		echo(w, r)
	}
	for _, test := range []struct {
		name, first, last string
		handler           http.HandlerFunc
		after             time.Duration
	}{
		{"nothing", "", "", echo, 3 * time.Second},
		{"half a head", "", "GET / HT", echo, 3 * time.Second},
		{"no second request", plain, "", echo, time.Minute},
		{"half a second head", plain, "GET / HT", echo, 3 * time.Second},
		{"no second request of one who is watched", plain, "", watched, time.Minute},
		{"half a second head of one who is watched", plain, "GET / HT", watched, 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := serve(t, settings(test.handler))
				conn := g.dial()
				if test.first != "" {
					g.send(conn, test.first)
					g.want(conn, 200, "/a ok <nil>")
				}
				g.send(conn, test.last)
				g.wantClosed(conn, test.after)
			})
		})
	}
	t.Run("none for a body", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := serve(t, settings(echo))
			conn := g.dial()
			for range 2 {
				g.send(conn, strings.TrimSuffix(plain, "ok"))
				time.Sleep(time.Hour)
				g.send(conn, "ok")
				g.want(conn, 200, "/a ok <nil>")
			}
		})
	})
}

// TestHandlersLimit: a handler's own deadline ends its reading, and does not
// reach the next request.
func TestHandlersLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)); err != nil {
				t.Error(err)
			}
			echo(w, r)
		})})
		conn := g.dial()
		g.send(conn, plain)
		g.want(conn, 200, "/a ok <nil>")
		time.Sleep(time.Hour)
		g.send(conn, strings.TrimSuffix(plain, "k"))
		g.want(conn, 200, "/a o read pipe: i/o timeout")
		g.wantClosed(conn, 0)
	})
}

// TestHandlersLimitAndPipelines: nor does a handler's deadline reach a request that arrived with its own.
func TestHandlersLimitAndPipelines(t *testing.T) {
	for name, second := range map[string]http.HandlerFunc{
		"body": echo,
		"hang-up": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
			fmt.Fprintf(w, "/a %s %v", body, r.Context().Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				routes := http.NewServeMux()
				routes.HandleFunc("GET /limited", func(w http.ResponseWriter, _ *http.Request) {
					http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
				})
				routes.HandleFunc("POST /a", second)
				g := serve(t, &http.Server{Handler: routes})
				conn := g.dial()
				g.send(conn, "GET /limited HTTP/1.1\r\nHost: localhost\r\n\r\n"+strings.TrimSuffix(plain, "k"))
				g.want(conn, 200, "")
				if name == "body" {
					time.Sleep(time.Hour)
				}
				g.send(conn, "k")
				g.want(conn, 200, "/a ok <nil>")
			})
		})
	}
}

// TestHangUp: a handler that waits hears that its client is gone, when
// everything of the request was read; contexts below its own do, too.
func TestHangUp(t *testing.T) {
	below := func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithTimeout(context.WithValue(ctx, t, t), time.Hour)
		return ctx, cancel
	}
	itself := func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
	for name, derive := range map[string]func(context.Context) (context.Context, func()){"its own": itself, "below": below} {
		for _, request := range []string{plain, "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					heard := make(chan error, 1)
					g := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						ctx, cancel := derive(r.Context())
						defer cancel()
						done := ctx.Done() // before the body is read
						io.Copy(io.Discard, r.Body)
						<-done
						heard <- ctx.Err()
					})})
					conn := g.dial()
					g.send(conn, request)
					time.Sleep(time.Minute)
					conn.Close()
					synctest.Wait()
					select {
					case err := <-heard:
						if !errors.Is(err, context.Canceled) {
							t.Errorf("got %v", err)
						}
					default:
						t.Error("the handler heard nothing")
					}
				})
			})
		}
	}
}

// TestBrokenBody: a body that breaks off ends its request's context.
func TestBrokenBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan error, 1)
		g := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			heard <- r.Context().Err()
		})})
		conn := g.dial()
		g.send(conn, strings.TrimSuffix(plain, "k"))
		synctest.Wait()
		conn.Close()
		if err := <-heard; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// TestContextEnds: a request's context ends with the request, for whoever kept
// it, and not with a later one.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept [4]context.Context
		n := 0
		g := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			kept[n] = r.Context()
			if n%2 == 0 {
				r.Context().Done()
			}
			if n++; n == 3 {
				for i, ctx := range kept[:n] {
					select {
					case <-ctx.Done():
						if i == 2 || !errors.Is(ctx.Err(), context.Canceled) {
							t.Errorf("context %d: got %v", i, ctx.Err())
						}
					default:
						if i != 2 || ctx.Err() != nil {
							t.Errorf("context %d has not ended: %v", i, ctx.Err())
						}
					}
				}
			}
			echo(w, r)
		})})
		conn := g.dial()
		for range 4 { // with and without somebody who reads ahead, in turn
			g.send(conn, plain)
			g.want(conn, 200, "/a ok <nil>")
		}
		if got := kept[0].Value(http.LocalAddrContextKey); got != net.Addr(conn.RemoteAddr()) {
			t.Errorf("got %v", got)
		}
	})
}

// TestPipelinedWhileWatched: what a client sends ahead does not end a request,
// and is the next one.
func TestPipelinedWhileWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			done := r.Context().Done()
			io.Copy(io.Discard, r.Body)
			select {
			case <-done:
				t.Error("the context ended")
			case <-time.After(time.Second):
			}
			io.WriteString(w, "fine")
		})})
		conn := g.dial()
		for range 3 {
			g.send(conn, plain)
			synctest.Wait()
			g.send(conn, plain)
			g.want(conn, 200, "fine")
			g.want(conn, 200, "fine")
		}
	})
}

// TestLastWhileWatched: the last answer of a connection, beside somebody who
// reads ahead on it.
func TestLastWhileWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			r.Context().Done()
			echo(w, r)
		})})
		for _, request := range []string{plain, "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"} {
			conn := g.dial()
			g.send(conn, request)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || resp.StatusCode != 200 {
				t.Fatal(resp, err)
			}
			conn.Close()
		}
	})
}

// TestBodyOfAnEndedRequest: who kept a body reads nothing of the next one.
func TestBodyOfAnEndedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept io.Reader
		g := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if kept != nil {
				if n, err := kept.Read(make([]byte, 10)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
					t.Errorf("got %d bytes, %v", n, err)
				}
				echo(w, r)
			}
			kept = r.Body
		})})
		conn := g.dial()
		g.send(conn, plain)
		g.want(conn, 200, "")
		g.send(conn, plain)
		g.want(conn, 200, "/a ok <nil>")
	})
}

// TestShutdown: requests under way are answered, and nothing else is.
func TestShutdown(t *testing.T) {
	for name, last := range map[string]string{"plain": plain, "odd": "GET /a HTTP/1.0\r\nX: ok\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				g := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					<-release
					io.WriteString(w, "done")
				})})
				idle, busy := g.dial(), g.dial()
				g.send(busy, last)
				synctest.Wait()
				ended := make(chan error, 1)
				go func() { ended <- g.Server.Shutdown(context.Background()) }()
				g.wantClosed(idle, 0)
				if err := <-g.served; !errors.Is(err, http.ErrServerClosed) {
					t.Errorf("Serve: got %v", err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := g.Server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v while a request is under way", err)
				}
				close(release)
				g.want(busy, 200, "done")
				g.wantClosed(busy, 0)
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestClose breaks everything off.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone atomic.Int32
		g := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			gone.Add(1)
		})})
		idle, busy, odd := g.dial(), g.dial(), g.dial()
		g.send(busy, "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n")
		g.send(odd, "GET /a HTTP/1.0\r\n\r\n")
		synctest.Wait()
		if err := g.Server.Close(); err != nil {
			t.Error(err)
		}
		for _, conn := range []net.Conn{idle, busy, odd} {
			g.wantClosed(conn, 0)
		}
		synctest.Wait()
		if gone.Load() != 2 {
			t.Errorf("got %d handlers that heard it, want 2", gone.Load())
		}
	})
}

// TestUnreadBody: a client that still sends reads the refusal.
func TestUnreadBody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(&http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	})})
	go s.Serve(l)
	defer s.Close()
	for range 20 {
		resp, err := http.Post("http://"+l.Addr().String(), "text/plain", strings.NewReader(strings.Repeat("x", 8<<20)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 413 || string(body) != "too large\n" {
			t.Errorf("got %d %q, %v", resp.StatusCode, body, err)
		}
	}
}
