package loopback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

const (
	maxHead = 64 << 10
	// MaxBody bounds the body of a reply: pages of the state are 5 MB, plus a payload.
	MaxBody = 64 << 20
	// keptBuffer is how large a buffer may be that stays with an idle connection.
	keptBuffer = 64 << 10

	dialTime = 5 * time.Second
)

// Conn is a connection to the engine. It is for one goroutine at a time.
type Conn struct {
	net.Conn
	address string
	out     []byte // scratch, for what is sent
	in      []byte // read, and from start to end not yet consumed
	start   int
	end     int
	broken  bool // nothing can be sent any more
}

// Dial connects to the engine's port for functions.
func Dial(ctx context.Context, address string) (*Conn, error) {
	c, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, address: address, in: make([]byte, 4<<10)}, nil
}

// Request is what is sent. Path is escaped and has the query with it.
type Request struct {
	Method, Path string
	Type         string // of the body's content; empty without a body
	Trace        string // for the header of X-Ray, if it is not empty
	Minimal      bool   // see [protocol.CheckpointRequest]
	Body         []byte
}

// maxCopied is the largest body that is copied behind its head; a larger one is written from where it is.
const maxCopied = 16 << 10

// Send sends requests, in one write if their bodies are small. Their replies come in the same order.
func (c *Conn) Send(requests ...*Request) (err error) {
	c.out = c.out[:0]
	for _, r := range requests {
		c.out = r.appendHead(c.out, c.address)
		if len(r.Body) <= maxCopied {
			c.out = append(c.out, r.Body...)
			continue
		}
		large := net.Buffers{c.out, r.Body}
		if _, err = large.WriteTo(c.Conn); err != nil {
			break
		}
		c.out = c.out[:0]
	}
	if err == nil && len(c.out) > 0 {
		_, err = c.Write(c.out)
	}
	c.broken = c.broken || err != nil
	return err
}

func (r *Request) appendHead(dst []byte, host string) []byte {
	dst = protocol.AppendTexts(dst, r.Method, " ", r.Path, " HTTP/1.1\r\nHost: ", host)
	if r.Trace != "" {
		dst = protocol.AppendTexts(dst, "\r\nX-Amzn-Trace-Id: ", r.Trace)
	}
	if r.Minimal {
		dst = protocol.AppendTexts(dst, "\r\n"+protocol.MinimalHeader+": "+protocol.MinimalValue)
	}
	if r.Type != "" {
		dst = protocol.AppendTexts(dst, "\r\nContent-Type: ", r.Type, "\r\nContent-Length: ")
		dst = strconv.AppendInt(dst, int64(len(r.Body)), 10)
	}
	return append(dst, "\r\n\r\n"...)
}

// Reply is an answer of the engine. It is valid until the connection's next use.
type Reply struct {
	Status int
	Body   []byte
	head   []byte // the lines of the head, each with its end
}

// Header returns the value of a header; empty if there is none.
func (r *Reply) Header(name string) string {
	for lines := r.head; ; {
		line, rest, more := bytes.Cut(lines, crlf)
		key, value, _ := bytes.Cut(line, colon)
		if len(key) == len(name) && bytes.EqualFold(key, []byte(name)) {
			return string(bytes.TrimSpace(value))
		}
		if !more {
			return ""
		}
		lines = rest
	}
}

var crlf, colon, blank = []byte("\r\n"), []byte(":"), []byte("\r\n\r\n")

// errShape says that an answer is not one of an engine's.
var errShape = errors.New("the reply is not one of the engine's")

// Receive reads the reply to the oldest request without one.
func (c *Conn) Receive() (*Reply, error) {
	r, err := c.receive()
	c.broken = c.broken || err != nil
	return r, err
}

func (c *Conn) receive() (*Reply, error) {
	head, err := c.readHead()
	if err != nil {
		return nil, err
	}
	const version = "HTTP/1.1 "
	r := &Reply{head: head}
	if len(head) < len(version)+3 || string(head[:len(version)]) != version {
		return nil, errShape
	}
	if r.Status, err = strconv.Atoi(string(head[len(version) : len(version)+3])); err != nil || r.Status < 200 {
		return nil, errShape
	}
	n, err := strconv.ParseUint(r.Header("Content-Length"), 10, 63)
	if err != nil {
		return nil, errShape
	}
	if n > MaxBody {
		return nil, fmt.Errorf("the reply is larger than %d bytes", MaxBody)
	}
	c.broken = c.broken || strings.EqualFold(r.Header("Connection"), "close") // after this reply
	// The head moves if the buffer has to grow for the body.
	from := len(head) + len(blank)
	if err := c.fill(from + int(n)); err != nil {
		return nil, err
	}
	r.head, r.Body = c.in[c.start:c.start+len(head)], c.in[c.start+from:c.start+from+int(n)]
	c.start += from + int(n)
	return r, nil
}

// readHead reads up to the blank line.
func (c *Conn) readHead() ([]byte, error) {
	if c.start == c.end {
		c.start, c.end = 0, 0
	}
	for seen := 0; ; {
		unread := c.in[c.start:c.end]
		if i := bytes.Index(unread[seen:], blank); i >= 0 {
			return unread[:seen+i], nil
		}
		if len(unread) > maxHead {
			return nil, errShape
		}
		seen = max(0, len(unread)-len(blank))
		if err := c.fill(len(unread) + 1); err != nil {
			return nil, err
		}
	}
}

// fill reads until at least n bytes are unconsumed.
func (c *Conn) fill(n int) error {
	if c.start+n > len(c.in) {
		in := c.in
		if n > len(in) {
			in = make([]byte, max(n, 2*len(in)))
		}
		c.end = copy(in, c.in[c.start:c.end])
		c.start, c.in = 0, in
	}
	for c.end-c.start < n {
		m, err := c.Read(c.in[c.end:])
		c.end += m
		if err == io.EOF && c.end > c.start {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && c.end-c.start < n {
			return err
		}
	}
	return nil
}

// Done says that the reply is not needed any more. A large one leaves no large buffer behind.
func (c *Conn) Done() {
	if len(c.in) > keptBuffer && c.start == c.end {
		c.in, c.start, c.end = make([]byte, 4<<10), 0, 0
	}
}
