package lambdaapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/perdure/perdure/internal/api/plainhttp"
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
	start := len(dst)
	dst, err := plainhttp.AppendBody(dst, r, limit)
	switch {
	case len(dst)-start > limit:
		return dst, tooLarge
	case err != nil && !isRefusal(err): // of a server in front of us
		return dst, refusal(protocol.CodeInvalidContent, "Could not read the request body: %v.", err)
	}
	return dst, err
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

// maxErrorBody bounds the body of a request that is one error object, which may be escaped at length.
const maxErrorBody = 4 * protocol.MaxPayload

// maxFrames bounds the frames in the stack traces of one request.
const maxFrames = 100_000

// newReader reads the body of a request.
func newReader(body []byte) *protocol.Reader {
	d := &protocol.Reader{MaxFrames: maxFrames}
	d.Reset(body)
	return d
}

var errErrorTooLarge = refusal(protocol.CodeInvalidParameter,
	"Error object size must be less than or equal to %d bytes.", protocol.MaxPayload)

// readError reads an error object that is the whole body of a request. No body is an empty error.
func readError(r *http.Request) (*protocol.ErrorObject, error) {
	buf := getBuffer()
	defer buf.free()
	var err error
	if buf.b, err = readBody(r, buf.b, maxErrorBody, errErrorTooLarge); err != nil {
		return nil, err
	}
	return decodeError(buf.b)
}

func decodeError(body []byte) (*protocol.ErrorObject, error) {
	d := newReader(body)
	e := &protocol.ErrorObject{}
	if d.Peek() != 0 && !d.Null() {
		e = d.ErrorObject()
	}
	d.End()
	switch {
	case d.Err() != nil:
		return nil, d.Err()
	case e.Size() > protocol.MaxPayload:
		return nil, errErrorTooLarge
	}
	return e, nil
}
