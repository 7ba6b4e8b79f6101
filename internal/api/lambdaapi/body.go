package lambdaapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/perdure/perdure/protocol"
)

// buffers holds the scratch space of requests and responses.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct{ b []byte }

func getBuffer() *buffer { return buffers.Get().(*buffer) }

// free gives b back. Rare large ones are left to the garbage collector.
func (b *buffer) free() {
	const most = 1 << 20
	if cap(b.b) > most {
		return
	}
	b.b = b.b[:0]
	buffers.Put(b)
}

// readBody appends the body of r to dst, or refuses one of more than limit bytes with tooLarge.
func readBody(r *http.Request, dst []byte, limit int, tooLarge error) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return dst, tooLarge
	}
	// The announced length is trusted only up to here, as a lie costs the client nothing.
	const trusted = 64 << 10
	want := trusted
	if r.ContentLength >= 0 {
		want = int(min(r.ContentLength+1, trusted)) // one more, to see the end without growing
	}
	if cap(dst)-len(dst) < want {
		dst = append(make([]byte, 0, len(dst)+want), dst...)
	}
	start := len(dst)
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Body.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst)-start > limit:
			return dst, tooLarge
		case err == io.EOF:
			return dst, nil
		case isRefusal(err):
			return dst, err // of a server in front of us
		case err != nil:
			return dst, refusal(protocol.CodeInvalidContent, "Could not read the request body: %v.", err)
		}
	}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*protocol.Error](err)
	return ok
}

// maxSettings bounds the body of a request that changes settings.
const maxSettings = 64 << 10

var errSettingsTooLarge = refusal(protocol.CodeRequestTooLarge, "Request must be smaller than %d bytes", maxSettings)

// readMembers reads a body that is an object, or empty. It calls read for each member, which must take the member's
// value.
func readMembers(r *http.Request, read func(d *protocol.Reader, name string)) error {
	buf := getBuffer()
	defer buf.free()
	var err error
	if buf.b, err = readBody(r, buf.b, maxSettings, errSettingsTooLarge); err != nil {
		return err
	}
	d := newReader(buf.b)
	if d.Peek() != 0 {
		for name := range d.Members() {
			read(d, string(name))
		}
	}
	d.End()
	return d.Err()
}

// reply answers with v as JSON.
func reply(w http.ResponseWriter, v any) error {
	writeJSON(w, http.StatusOK, encode(v))
	return nil
}

// encode writes a reply shape of this package, without escaping HTML. It cannot fail: all of them have a JSON form.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("lambdaapi: encoding a reply: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

var jsonType = []string{"application/json"}

// writeJSON sends body, which may be reused afterwards. A failed write means that the client is gone, which nobody
// needs to hear.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header["Content-Type"] = jsonType
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
