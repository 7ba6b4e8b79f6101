package plainhttp

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// blank is what requests are made of: only WithContext can give a request its context.
var blank http.Request

var (
	endOfHead = []byte("\r\n\r\n")
	chunked   = []string{"chunked"}
)

// found is what begins on a connection.
type found int

const (
	aRequest found = iota
	oddity         // something for net/http
	anEnd          // nothing: the connection has ended, or its time is over
)

// awaitHead waits until a head has begun to arrive, and then until it is whole, unless it cannot become plain. Nothing
// of it is read.
func (c *conn) awaitHead() (head string, is found) {
	if !c.awaitBegin() {
		return "", anEnd
	}
	for limited := false; ; limited = true {
		arrived, _ := c.in.Peek(c.in.Buffered())
		if i := bytes.Index(arrived, endOfHead); i >= 0 {
			return string(arrived[:i+len(endOfHead)]), aRequest
		}
		if !mayBecomePlain(arrived) {
			return "", oddity
		}
		if !limited {
			c.limitWaiting(c.server.odd.ReadHeaderTimeout)
		}
		if _, err := c.in.Peek(len(arrived) + 1); err == io.EOF || err == bufio.ErrBufferFull {
			return "", oddity
		} else if err != nil {
			return "", anEnd
		}
	}
}

// awaitBegin waits for the first bytes of a request; false if there are none. Like net/http it waits for four of them
// after the first request, and leaves out an empty line that old clients send after the body of a POST.
func (c *conn) awaitBegin() bool {
	need, limit := 4, c.server.odd.IdleTimeout
	if c.last == "" {
		need, limit = 1, c.server.odd.ReadHeaderTimeout
	}
	if c.in.Buffered() >= need {
		limit = 0 // but the deadline of the handler before ends
	}
	c.limitWaiting(limit)
	begin, err := c.in.Peek(need)
	if c.last == http.MethodPost {
		_, _ = c.in.Discard(len(begin) - len(bytes.TrimLeft(begin, "\r\n")))
	}
	return err == nil
}

// mayBecomePlain reports whether more bytes may make a plain head of some. net/http answers what cannot become one,
// without waiting for more.
func mayBecomePlain(begin []byte) bool {
	method, _, whole := bytes.Cut(begin, []byte(" "))
	lines, ended := bytes.Count(begin, []byte("\n")), bytes.Count(begin, []byte("\r\n"))
	return lines == ended && (isMethod(string(method)) || !whole && len(begin) < len(http.MethodDelete))
}

// readRequest reads the head of a request. If it is not plain, it reads nothing and returns nil.
func (c *conn) readRequest(head string) *http.Request {
	line, fields, _ := strings.Cut(head, "\r\n")
	method, rest, _ := strings.Cut(line, " ")
	target, proto, _ := strings.Cut(rest, " ")
	ctx := &requestContext{Context: c.values, conn: c}
	if !isMethod(method) || proto != "HTTP/1.1" || !parseTarget(target, &ctx.url) {
		return nil
	}
	r := blank.WithContext(ctx)
	r.Method, r.URL, r.RequestURI, r.RemoteAddr = method, &ctx.url, target, c.remote
	r.Proto, r.ProtoMajor, r.ProtoMinor = proto, 1, 1
	r.Header, r.Body = c.header, http.NoBody
	if !c.readHeader(r, fields) {
		clear(c.header)
		c.slab = c.slab[:0]
		return nil
	}
	_, _ = c.in.Discard(len(head))
	c.body = &ctx.body
	c.body.request, c.body.ctx, c.body.conn = r, ctx, c
	c.body.left, c.body.ended = r.ContentLength, r.ContentLength == 0
	if r.TransferEncoding != nil {
		c.body.chunks = httputil.NewChunkedReader(c.in)
	}
	if !c.body.ended {
		r.Body, ctx.unread = c.body, true
	}
	return r
}

func isMethod(m string) bool {
	return m == http.MethodPost || m == http.MethodGet || m == http.MethodPut || m == http.MethodDelete
}

// parseTarget parses the path and query of a request.
func parseTarget(target string, u *url.URL) bool {
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		return false
	}
	path, query, found := strings.Cut(target, "?")
	u.Path, u.RawQuery, u.ForceQuery = path, query, found && query == ""
	if consists(path, isUnescaped) && consists(query, isPrinted) {
		return true
	}
	var err error
	u.RawPath = path
	u.Path, err = url.PathUnescape(path)
	return err == nil && consists(target, isPrinted)
}

// isUnescaped reports whether package url leaves b in a path as it is.
func isUnescaped(b byte) bool { return isAlphanumeric(b) || strings.IndexByte("-_.~/$:", b) >= 0 }

func isPrinted(b byte) bool { return ' ' < b && b < 0x7f && b != '#' }

// readHeader takes the fields of a head into r. It returns false for what a plain request does not have.
func (c *conn) readHeader(r *http.Request, fields string) bool {
	var host, length, trailer string
	ok := readFields(fields, func(name, value string) bool {
		switch name {
		case "Host":
			return once(&host, value) && isHost(value)
		case "Content-Length":
			if !once(&length, value) {
				return false
			}
		case "Transfer-Encoding":
			if r.TransferEncoding != nil || value != "chunked" {
				return false
			}
			r.TransferEncoding, r.ContentLength = chunked, -1
			return true
		case "Trailer":
			return once(&trailer, value)
		case "Connection":
			switch strings.ToLower(value) {
			case "close":
				r.Close = true
			case "keep-alive":
			default:
				return false
			}
		case "Expect", "Upgrade", "Pragma":
			return false
		}
		c.slab = append(c.slab, value)
		if before := c.header[name]; before != nil {
			c.header[name] = append(before, value)
		} else {
			c.header[name] = c.slab[len(c.slab)-1 : len(c.slab) : len(c.slab)]
		}
		return true
	})
	r.Host = host
	return ok && host != "" && readLength(r, length) && readTrailerNames(r, trailer)
}

// once sets *to, which must not have been set.
func once(to *string, value string) bool {
	first := *to == "" && value != ""
	*to = value
	return first
}

func readLength(r *http.Request, length string) bool {
	const most = 15 // digits
	switch {
	case length == "":
		return true
	case r.TransferEncoding != nil || len(length) > most:
		return false
	}
	n, err := strconv.ParseUint(length, 10, 63)
	r.ContentLength = int64(n)
	return err == nil
}

// readTrailerNames takes the names of fields that come after the body.
func readTrailerNames(r *http.Request, names string) bool {
	if names == "" {
		return true
	}
	if r.TransferEncoding == nil {
		return false
	}
	r.Trailer = http.Header{}
	for name := range strings.SplitSeq(names, ",") {
		name = textproto.TrimString(name)
		switch key := textproto.CanonicalMIMEHeaderKey(name); {
		case !isName(name), key == "Transfer-Encoding", key == "Trailer", key == "Content-Length":
			return false
		default:
			r.Trailer[key] = nil
		}
	}
	return true
}

// readFields calls take for each field up to an empty line, with the canonical name. It returns false for a line that
// is no plain field, and when take does.
func readFields(fields string, take func(name, value string) bool) bool {
	for {
		line, rest, ok := strings.Cut(fields, "\r\n")
		switch {
		case !ok:
			return false
		case line == "":
			return rest == ""
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isName(name) || !isText(value) ||
			!take(textproto.CanonicalMIMEHeaderKey(name), textproto.TrimString(value)) {
			return false
		}
		fields = rest
	}
}

// isName reports whether s is a plain name of a field: less than HTTP allows.
func isName(s string) bool {
	return s != "" && consists(s, func(b byte) bool { return isAlphanumeric(b) || b == '-' || b == '_' })
}

func isText(s string) bool {
	return consists(s, func(b byte) bool { return ' ' <= b && b < 0x7f })
}

func isHost(s string) bool {
	return consists(s, func(b byte) bool { return isAlphanumeric(b) || strings.IndexByte("-.:[]", b) >= 0 })
}

func isAlphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// consists reports whether is holds for each byte of s.
func consists(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}
