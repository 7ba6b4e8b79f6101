package lambdaapi

import (
	"net/http"

	"github.com/perdure/perdure/protocol"
)

// maxErrorBody bounds the body of a request that is one error object, which
// may be escaped at length.
const maxErrorBody = 4 * protocol.MaxPayload

// maxFrames bounds the frames in the stack traces of one request: a small body
// must not become a large list.
const maxFrames = 100_000

var errErrorTooLarge = refusal(protocol.CodeInvalidParameter, "Error object size must be less than or equal to %d bytes.", protocol.MaxPayload)

// readError reads an error object that is the whole body of a request. No body
// is an empty error.
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
	d := newJSONReader(body)
	e := &protocol.ErrorObject{}
	if d.peek() != 0 && !d.null() {
		e = d.errorObject()
	}
	d.end()
	switch {
	case d.err != nil:
		return nil, d.err
	case e.Size() > protocol.MaxPayload:
		return nil, errErrorTooLarge
	}
	return e, nil
}

// errorObject reads an error object, nil for null. The model bounds none of
// its members.
func (d *jsonReader) errorObject() *protocol.ErrorObject {
	if d.null() {
		return nil
	}
	e := &protocol.ErrorObject{}
	for name := range d.members() {
		switch string(name) {
		case "ErrorMessage":
			e.ErrorMessage = d.string()
		case "ErrorType":
			e.ErrorType = d.string()
		case "ErrorData":
			e.ErrorData = d.string()
		case "StackTrace":
			e.StackTrace = nil
			for range d.elements() {
				if d.frames++; d.frames > maxFrames {
					d.fail("The stack traces of the request have too many frames.")
					return nil
				}
				e.StackTrace = append(e.StackTrace, d.string())
			}
		default:
			d.skip()
		}
	}
	return e
}
