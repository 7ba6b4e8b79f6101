package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
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
				l := make(pipes)
				e := newEcho(t)
				s := newServer([]*route.Face{lambdaapi.New(e, e.Functions(), &lambdaapi.Options{})}, &Options{}, plain)
				go s.Serve(l)
				defer s.http.Close()
				client, conn := net.Pipe()
				l <- conn
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
				client.Close()
			})
		})
	}
}
