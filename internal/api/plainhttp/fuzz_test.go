package plainhttp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// script is a connection whose client has sent everything, in pieces, and
// closed its side. What it is told is kept.
type script struct {
	pieces [][]byte
	mu     sync.Mutex
	out    bytes.Buffer
	once   sync.Once
	closed chan struct{}
}

func newScript(pieces [][]byte) *script {
	return &script{pieces: slices.Clone(pieces), closed: make(chan struct{})}
}

func (s *script) Read(p []byte) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	for len(s.pieces) > 0 && len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	s.pieces[0] = s.pieces[0][n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// single is a listener with one connection.
type single chan net.Conn

func (l single) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l single) Close() error   { return nil }
func (l single) Addr() net.Addr { return &net.UnixAddr{Name: "script"} }

type server interface {
	Serve(net.Listener) error
	Close() error
}

// play returns what s answers to pieces.
func play(t *testing.T, s server, pieces [][]byte) []response {
	t.Helper()
	conn, l := newScript(pieces), make(single, 1)
	l <- conn
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.Serve(l)
	}()
	select {
	case <-conn.closed:
	case <-time.After(20 * time.Second):
		t.Fatalf("the connection was not closed; it was told %q", conn.out.Bytes())
	}
	close(l)
	s.Close()
	<-served
	conn.mu.Lock()
	defer conn.mu.Unlock()
	return parse(t, conn.out.Bytes())
}

// response is what counts of an answer.
type response struct {
	Status string
	Length int64
	Header http.Header
	Body   string
	Broken bool // its body is incomplete
}

func parse(t *testing.T, out []byte) (all []response) {
	t.Helper()
	for r := bufio.NewReaderSize(bytes.NewReader(out), max(len(out), 1)); ; {
		of := &http.Request{Method: "GET"}
		_, _ = r.Peek(1)
		ahead, _ := r.Peek(r.Buffered())
		if head, _, _ := bytes.Cut(ahead, []byte("\r\n\r\n")); bytes.Contains(head, []byte("X-Head")) {
			of.Method = "HEAD"
		}
		resp, err := http.ReadResponse(r, of)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && r.Buffered() == 0 {
			return all
		}
		if err != nil {
			t.Fatalf("%v: %q", err, out)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Header.Del("Date")
		all = append(all, response{resp.Status, resp.ContentLength, resp.Header, string(body), err != nil})
	}
}

// handler tells all that it knows of a request, and answers in the way that
// the path asks for.
func handler(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.Header().Set("X-Head", "1")
	}
	if strings.HasPrefix(r.URL.Path, "/unread") {
		if strings.HasSuffix(r.URL.Path, "/close") {
			w.Header().Set("Connection", "close")
		}
		fmt.Fprint(w, "unread")
		return
	}
	body, err := io.ReadAll(r.Body)
	var all strings.Builder
	fmt.Fprintln(&all, r.Method, r.URL, r.URL.Path, r.URL.EscapedPath(), r.URL.RawQuery, r.RequestURI, r.Host, r.Proto, r.Close,
		r.ContentLength, r.TransferEncoding, r.RemoteAddr)
	for _, h := range []http.Header{r.Header, r.Trailer} {
		for _, name := range slices.Sorted(maps.Keys(h)) {
			fmt.Fprintf(&all, "%s: %q\n", name, h[name])
		}
	}
	fmt.Fprintf(&all, "%q %v", body, err != nil)
	switch text := all.String(); r.URL.Path {
	case "/length":
		w.Header().Set("Content-Type", "text/x-all")
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "1")
		io.WriteString(w, text)
	case "/short":
		w.Header().Set("Content-Length", "1000000")
		io.WriteString(w, text)
	case "/long":
		w.Header().Set("Content-Length", "3")
		_, err1 := io.WriteString(w, "abc")
		_, err2 := io.WriteString(w, "d")
		if err1 != nil || !errors.Is(err2, http.ErrContentLength) {
			panic("length")
		}
	case "/large":
		for range 20 {
			io.WriteString(w, strings.Repeat("x", 500))
		}
		io.WriteString(w, strings.Repeat("y", 50_000))
	case "/flush":
		io.WriteString(w, "a")
		http.NewResponseController(w).Flush()
		io.WriteString(w, text)
	case "/empty":
	case "/204":
		w.Header().Set("Content-Length", "7")
		w.WriteHeader(http.StatusNoContent)
		if _, err := io.WriteString(w, text); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	case "/304":
		w.Header().Set("Etag", "x")
		w.WriteHeader(http.StatusNotModified)
	case "/599":
		w.Header().Set("X-Odd", "a\r\nb: c")
		w.WriteHeader(599)
		w.WriteHeader(200)
		io.WriteString(w, text)
	case "/close":
		w.Header().Set("Connection", "close")
		io.WriteString(w, text)
	case "/panic":
		io.WriteString(w, text)
		panic("on purpose")
	default:
		io.WriteString(w, text)
	}
}

// newOdd is a server of net/http as both sides of a comparison have it.
func newOdd(h http.HandlerFunc) *http.Server {
	return &http.Server{Handler: h, MaxHeaderBytes: 8 << 10, DisableGeneralOptionsHandler: true,
		ErrorLog: log.New(io.Discard, "", 0)}
}

func compare(t *testing.T, pieces [][]byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		want := play(t, newOdd(handler), pieces)
		if diff := cmp.Diff(want, play(t, New(newOdd(handler)), pieces)); diff != "" {
			t.Errorf("%q is not answered as by net/http (-want +got):\n%s", pieces, diff)
		}
	})
}

var seeds = []string{
	"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET /length?a=b&c=%20 HTTP/1.1\r\nHost: localhost:80\r\nX-A: 1\r\nx-a:  2 \r\n\r\nGET /flush HTTP/1.1\r\n" +
		"host: x\r\nConnection: close\r\n\r\n",
	"POST /a%2Fb/%E4%BD%A0!c%20d$e:f?? HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 5\r\n\r\nhelloPUT /large" + line + "\r\n",
	"POST /x" + line + "Transfer-Encoding: chunked\r\nTrailer: X-T, X-U\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n" +
		"X-T: 1\r\nX-V: 2\r\n\r\n" + "GET /empty" + line + "\r\n",
	"POST /x" + line + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /204" + line + "\r\nGET /304" + line + "\r\n",
	"POST /unread" + line + "Content-Length: 3\r\n\r\nabcGET /short" + line + "\r\n",
	"POST /unread/close" + line + "Content-Length: 3\r\n\r\nabc",
	"POST /unread" + line + "Content-Length: 300000\r\n\r\nabc",
	"POST /x" + line + "Content-Length: 10\r\n\r\nabc",
	"POST /x" + line + "Transfer-Encoding: chunked\r\n\r\n3\r\nab",
	"POST /x" + line + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	"POST /x" + line + "Transfer-Encoding: chunked\r\n\r\n0\r\nX-T: \x00\r\n\r\nGET /" + line + "\r\n",
	"POST /x" + line + "Transfer-Encoding: chunked\r\n\r\n0\r\nodd\r\n\r\n",
	"GET /long" + line + "\r\nGET /599" + line + "\r\nGET /panic" + line + "\r\n",
	"GET /close" + line + "Connection: Keep-Alive\r\n\r\nGET /" + line + "\r\n",
	"POST /" + line + "\r\n0",
	"POST /" + line + "\r\n\r\nGET /" + line + "\r\n",
	"GET /" + line + "\r\n\r\nGET /" + line + "\r\n",
	"POST / HTTP/1.1\r\nHost:0\r\nTrAnsfer-EnCoding:chunked\r\n\r\n0\r\n\n\r\n\r\n0",
	"POST /0 HTTP/1.1\r\nHost:\n0\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n",
	"\r\nGET /" + line + "\r\n",
	"GET http://b/" + line + "\r\n",
	"GET / HTTP/1.1\r\n\r\n",
	"GET /" + line + "Host: b\r\n\r\n",
	"GET /" + line + " X: b\r\n\r\n",
	"GET /" + line + "X: b\r\n c\r\n\r\n",
	"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost:\r\n\r\n",
	"POST /x" + line + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	"POST /x" + line + "Content-Length: +1\r\n\r\na",
	"POST /x" + line + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /" + line + "\r\n",
	"POST /x" + line + "Transfer-Encoding: gzip\r\n\r\n",
	"POST /x" + line + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
	"GET //a" + line + "\r\n",
	"GET /%" + line + "\r\n",
	"GET /a#b" + line + "\r\n",
	"OPTIONS *" + line + "\r\n",
	"HEAD /" + line + "\r\nGET /" + line + "\r\n",
	"GET /" + line + "Pragma: no-cache\r\n\r\n",
	"GET /" + line + "Trailer: X\r\n\r\n",
	"GARBAGE",
	"GET /" + line + "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
	"GET /" + line + "X: " + strings.Repeat("x", 5000) + "\r\n\r\n",
	"GET /" + line + "X: " + strings.Repeat("x", 20000) + "\r\n\r\n",
	"POST /x" + line + "Content-Length: 9000\r\n\r\n" + strings.Repeat("b", 9000) + "GET /" + line + "\r\n",
}

// line ends the line of a request that has nothing but a host.
const line = " HTTP/1.1\r\nHost: a\r\n"

// TestLikeNetHTTP: seeds of the fuzz test, whole, and cut in two.
func TestLikeNetHTTP(t *testing.T) {
	for _, seed := range seeds {
		compare(t, [][]byte{[]byte(seed)})
		for i := 3; i < min(len(seed), 300); i += 11 {
			compare(t, [][]byte{[]byte(seed[:i]), []byte(seed[i:])})
		}
	}
}

// FuzzLikeNetHTTP: whatever is sent, cut anyhow, is answered as net/http would.
func FuzzLikeNetHTTP(f *testing.F) {
	for i, seed := range seeds {
		f.Add([]byte(seed), uint16(i*13), uint16(i*31))
		f.Add([]byte(seed), uint16(0), uint16(0))
	}
	f.Fuzz(func(t *testing.T, sent []byte, first, second uint16) {
		a := min(int(first), len(sent))
		b := min(a+int(second), len(sent))
		compare(t, [][]byte{sent[:a], sent[a:b], sent[b:]})
	})
}
