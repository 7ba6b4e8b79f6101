package plainhttp

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// preludeBytes is how much of an answer without an announced length is kept, so that a short one needs no chunks; as
// with net/http.
const preludeBytes = 2 << 10

// answer is the ResponseWriter of a connection's requests, one after the other.
//
// What the handler writes passes the prelude; what leaves that completes the head, and goes out.
type answer struct {
	conn    *conn
	out     *bufio.Writer
	prelude *bufio.Writer // before out
	header  http.Header

	status   int   // 0 until the handler has chosen it
	length   int64 // announced; -1 if it is not
	written  int64
	typed    bool // the head says what the body is
	headDone bool // the head is complete
	handled  bool // the handler has returned
	chunks   bool
	last     bool // the connection ends after it
}

func (a *answer) init(c *conn) {
	a.conn, a.header = c, http.Header{}
	a.out = bufio.NewWriterSize(c.rwc, bufferBytes)
	a.prelude = bufio.NewWriterSize((*afterPrelude)(a), preludeBytes)
}

// begin makes a ready for a request.
func (a *answer) begin(r *http.Request) {
	clear(a.header)
	*a = answer{conn: a.conn, out: a.out, prelude: a.prelude, header: a.header, length: -1, last: r.Close}
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter]. It writes what is known of the head, so later changes of the header
// have no effect, as with net/http.
func (a *answer) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic("plainhttp: invalid status " + strconv.Itoa(status))
	}
	if a.status != 0 || status < http.StatusOK {
		return
	}
	a.status = status
	h := a.header
	if given := h["Content-Length"]; len(given) > 0 {
		n, err := strconv.ParseInt(given[0], 10, 64)
		if err == nil && n >= 0 && a.mayHaveBody() {
			a.length = n
		} else {
			delete(h, "Content-Length")
		}
	}
	if !a.mayHaveBody() && status == http.StatusNotModified {
		delete(h, "Content-Type")
	}
	a.typed = h["Content-Type"] != nil || h.Get("Content-Encoding") != ""
	a.last = a.last || strings.EqualFold(h.Get("Connection"), "close") || a.conn.server.closing.Load()

	line := append(a.out.AvailableBuffer(), "HTTP/1.1 "...)
	line = append(strconv.AppendInt(line, int64(status), 10), ' ')
	if text := http.StatusText(status); text != "" {
		line = append(line, text...)
	} else {
		line = strconv.AppendInt(append(line, "status code "...), int64(status), 10)
	}
	line = append(line, "\r\n"...)
	if h["Date"] == nil {
		line = appendDate(line, time.Now())
	}
	_, _ = a.out.Write(line)
	_ = h.WriteSubset(a.out, ownFields)
}

// ownFields are those that only the server writes.
var ownFields = map[string]bool{"Connection": true, "Transfer-Encoding": true}

func (a *answer) mayHaveBody() bool {
	return a.status != http.StatusNoContent && a.status != http.StatusNotModified
}

// completeHead writes the rest of the head, before the first bytes of the body. It reads the rest of the request's
// body first, as clients may listen only after they have sent all.
func (a *answer) completeHead(first []byte) {
	a.headDone = true
	a.last = !a.conn.body.discard(!a.last) || a.last
	line := a.out.AvailableBuffer()
	switch {
	case !a.mayHaveBody() || a.length >= 0:
	case a.handled:
		line = strconv.AppendInt(append(line, "Content-Length: "...), int64(len(first)), 10)
		line = append(line, "\r\n"...)
		a.length = int64(len(first))
	default:
		a.chunks = true
		line = append(line, "Transfer-Encoding: chunked\r\n"...)
	}
	if len(first) > 0 && !a.typed {
		line = append(append(append(line, "Content-Type: "...), http.DetectContentType(first)...), "\r\n"...)
	}
	if a.last {
		line = append(line, "Connection: close\r\n"...)
	}
	_, _ = a.out.Write(append(line, "\r\n"...))
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !a.mayHaveBody() {
		return 0, http.ErrBodyNotAllowed
	}
	a.written += int64(len(p))
	if a.length >= 0 && a.written > a.length {
		return 0, http.ErrContentLength
	}
	return a.prelude.Write(p)
}

// afterPrelude takes what leaves the prelude.
type afterPrelude answer

// Write implements [io.Writer].
func (p *afterPrelude) Write(data []byte) (int, error) {
	a := (*answer)(p)
	if !a.headDone {
		a.completeHead(data)
	}
	if !a.chunks {
		return a.out.Write(data)
	}
	size := strconv.AppendInt(a.out.AvailableBuffer(), int64(len(data)), 16)
	_, _ = a.out.Write(append(size, "\r\n"...))
	n, err := a.out.Write(data)
	_, _ = a.out.WriteString("\r\n")
	return n, err
}

// finish sends what is left. It reports whether the connection can go on.
func (a *answer) finish() bool {
	a.handled = true
	err := a.FlushError()
	if a.chunks && err == nil {
		_, _ = a.out.WriteString("0\r\n\r\n")
		err = a.out.Flush()
	}
	return err == nil && !a.last && (a.length < 0 || a.written == a.length)
}

// FlushError is for [http.ResponseController].
func (a *answer) FlushError() error {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if err := a.prelude.Flush(); err != nil {
		return err
	}
	if !a.headDone {
		a.completeHead(nil)
	}
	if a.handled && a.chunks {
		return nil // the end comes with it
	}
	return a.out.Flush()
}

// Flush implements [http.Flusher].
func (a *answer) Flush() { _ = a.FlushError() }

// SetReadDeadline is for [http.ResponseController].
func (a *answer) SetReadDeadline(until time.Time) error { return a.conn.limitRead(until) }

// now is the last Date that was sent.
var now atomic.Pointer[date]

type date struct {
	second int64
	field  string
}

// appendDate appends the field Date, which is formatted once a second.
func appendDate(dst []byte, at time.Time) []byte {
	d := now.Load()
	if d == nil || d.second != at.Unix() {
		d = &date{at.Unix(), "Date: " + at.UTC().Format(http.TimeFormat) + "\r\n"}
		now.Store(d)
	}
	return append(dst, d.field...)
}
