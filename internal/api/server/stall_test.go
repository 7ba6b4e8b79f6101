package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
)

// pipes is a listener whose connections are in memory, so that they keep
// virtual time.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// dialPipe is a connection to a server with the function echo, in virtual time.
// The server ends with the bubble.
func dialPipe(t *testing.T, limits Limits, plain bool) net.Conn {
	l := make(pipes)
	e := newEcho(t)
	faces := []*route.Face{lambdaapi.New(e, e.Functions(), &lambdaapi.Options{})}
	s := newServer(faces, &Options{Limits: limits}, plain)
	go s.Serve(l)
	t.Cleanup(func() { s.http.Close() })
	client, conn := net.Pipe()
	l <- conn
	t.Cleanup(func() { client.Close() })
	return client
}

// TestStalledBodyIsAnsweredInTime: whoever stops sending a body is answered when
// its time is over, and not once more that time later.
func TestStalledBodyIsAnsweredInTime(t *testing.T) { both(t, testStalledBodyIsAnsweredInTime) }

func testStalledBodyIsAnsweredInTime(t *testing.T, plain bool) {
	for _, test := range []struct {
		name, request string
		status        int
	}{
		{"announced length", invokeLine + "Content-Length: 10\r\n\r\n{\"a\"", 408},
		{"nothing of it", invokeLine + "Content-Length: 10\r\n\r\n", 408},
		{"chunks", invokeLine + "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n", 408},
		{"half a chunk", invokeLine + "Transfer-Encoding: chunked\r\n\r\nff\r\n{\"a\"", 408},
		{"nobody reads it", "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{", 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := dialPipe(t, Limits{}, plain)
				began := time.Now()
				if _, err := io.WriteString(client, test.request); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				if took, want := time.Since(began), 30*time.Second; took != want || resp.StatusCode != test.status {
					t.Errorf("got %d after %s, want %d after %s", resp.StatusCode, took, test.status, want)
				}
			})
		})
	}
}

// TestIdleForever: a function's connection idles for as long as its handler
// runs, and is not closed under an answer.
func TestIdleForever(t *testing.T) { both(t, testIdleForever) }

func testIdleForever(t *testing.T, plain bool) {
	synctest.Test(t, func(t *testing.T) {
		client := dialPipe(t, Limits{IdleTime: -1}, plain)
		r := bufio.NewReader(client)
		for range 3 {
			if _, err := io.WriteString(client, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil || resp.StatusCode != 200 {
				t.Fatal(resp, err)
			}
			io.Copy(io.Discard, resp.Body)
			time.Sleep(24 * time.Hour)
		}
	})
}

// TestSteadyBody: a body may take longer than the limit as long as it gets on.
func TestSteadyBody(t *testing.T) { both(t, testSteadyBody) }

func testSteadyBody(t *testing.T, plain bool) {
	synctest.Test(t, func(t *testing.T) {
		client := dialPipe(t, Limits{SteadyTime: 30 * time.Second}, plain)
		const pieces = 6
		send := func(text string) {
			if _, err := io.WriteString(client, text); err != nil {
				t.Fatal(err)
			}
		}
		send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n\"", invokeLine, pieces*progress+2))
		for range pieces {
			time.Sleep(20 * time.Second)
			send(strings.Repeat("x", progress))
		}
		send(`"`)
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("got %v, %v, want 200", resp, err)
		}
	})
}
