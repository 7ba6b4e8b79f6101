package plainhttp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"sync"
)

// mostDiscarded is how much of a body that the handler left is read, so that the connection can go on; as with
// net/http.
const mostDiscarded = 256 << 10

// body is a request's body.
type body struct {
	request *http.Request
	ctx     *requestContext
	conn    *conn

	mu     sync.Mutex
	left   int64     // of an announced length
	chunks io.Reader // what has no announced length; else nil
	failed error     // of the trailer
	ended  bool      // nothing of it is left on the connection
	closed bool
}

// Read implements [io.Reader], with net/http's errors.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

// read is Read. b.mu is held.
func (b *body) read(p []byte) (n int, err error) {
	if b.ended {
		return 0, io.EOF
	}
	if b.conn.in.Buffered() == 0 {
		b.conn.liftWaiting()
	}
	if b.chunks != nil {
		n, err = b.readChunks(p)
	} else {
		n, err = b.conn.in.Read(p[:min(int64(len(p)), b.left)])
		b.left -= int64(n)
		switch {
		case b.left == 0:
			err = io.EOF
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		}
	}
	switch {
	case err == io.EOF:
		b.ended = true
		b.ctx.bodyRead()
	case err != nil:
		b.ctx.hangUp()
	}
	return n, err
}

// readChunks reads chunks, and after the last one the trailer. After an error in that nothing may be read any more, or
// the rest would pass for a request.
func (b *body) readChunks(p []byte) (n int, err error) {
	if b.failed != nil {
		return 0, b.failed
	}
	n, err = b.chunks.Read(p)
	if err == io.EOF {
		if b.failed = b.readTrailer(); b.failed != nil {
			err = b.failed
		}
	}
	return n, err
}

var errTrailer = errors.New("the fields after the body are malformed, too long, or incomplete")

// readTrailer reads what follows the last chunk, as net/http does.
func (b *body) readTrailer() error {
	in := b.conn.in
	end, err := in.Peek(2)
	switch {
	case err == io.EOF:
		return errTrailer
	case err != nil:
		return err
	case string(end) == "\r\n":
		_, err = in.Discard(2)
		return err
	case !seeEndOfHead(in):
		return errTrailer
	}
	trailer, err := textproto.NewReader(in).ReadMIMEHeader()
	if err != nil {
		return errTrailer
	}
	if b.request.Trailer == nil {
		b.request.Trailer = http.Header{}
	}
	maps.Copy(b.request.Trailer, http.Header(trailer))
	return nil
}

// seeEndOfHead waits until an empty line is in the buffer of in; false if none comes, or there is no room for it.
func seeEndOfHead(in *bufio.Reader) bool {
	for n := 4; ; n = in.Buffered() + 1 {
		_, err := in.Peek(n)
		arrived, _ := in.Peek(in.Buffered())
		if seen := bytes.Contains(arrived, endOfHead); seen || err != nil {
			return seen
		}
	}
}

// arrived reports whether the rest of the body is in the buffer. b.mu is held.
func (b *body) arrived() bool {
	return b.ended || b.chunks == nil && b.left <= int64(b.conn.in.Buffered())
}

// HasArrived reports whether the rest of a request's body is here, in the few kilobytes that a connection has anyway:
// it needs no deadline, and counts for nothing. Of net/http's requests it does not know.
func HasArrived(r *http.Request) bool {
	if b, ok := r.Body.(*body); ok {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.arrived()
	}
	return r.Body == http.NoBody
}

// AppendBody appends the body of r to dst, and stops after limit bytes and one, which tells that there are more. The
// announced length is trusted up to 64 KB, and up to twice what has arrived, because a lie costs the client nothing; so
// most bodies are read into their place, and of a large one the beginning is copied.
func AppendBody(dst []byte, r *http.Request, limit int) ([]byte, error) {
	const trusted = 64 << 10
	start := len(dst)
	for {
		if arrived := len(dst) - start; arrived == 0 || len(dst) == cap(dst) {
			room := min(max(trusted, 2*arrived), limit+1)
			if announced := r.ContentLength + 1; announced > int64(arrived) { // one more, to see the end
				room = int(min(int64(room), announced))
			}
			dst = slices.Grow(dst, room-arrived)
		}
		n, err := r.Body.Read(dst[len(dst):min(cap(dst), start+limit+1)])
		dst = dst[:len(dst)+n]
		switch {
		case err == io.EOF:
			return dst, nil
		case err != nil || len(dst)-start > limit:
			return dst, err
		}
	}
}

// Close implements [io.Closer]. The rest is read, or not, when the answer is sent.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// release lets go of the connection: somebody may keep the body.
func (b *body) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conn, b.request, b.chunks, b.ended = nil, nil, nil, true
}

// discard reads the rest, unless that is long, or has to be waited for and may not. It reports whether the connection
// can go on after it.
func (b *body) discard(wait bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !wait && !b.arrived() {
		return false
	}
	if b.ended {
		return true
	}
	if b.chunks == nil && b.left >= mostDiscarded {
		return false
	}
	_, err := io.CopyN(io.Discard, readerFunc(b.read), mostDiscarded+1)
	return err == io.EOF
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
