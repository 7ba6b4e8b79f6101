package lambdaapi

import (
	"net/http"

	"github.com/perdure/perdure/protocol"
)

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

var errErrorTooLarge = refusal(protocol.CodeInvalidParameter, "Error object size must be less than or equal to %d bytes.", protocol.MaxPayload)

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
