package adminapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/perdure/perdure/protocol"
)

// reply answers with v, one of this package's shapes.
func reply(w http.ResponseWriter, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	_, _ = b.WriteTo(w) // a failure means that the client is gone
	return nil
}

// The budgets of JSON bodies in bytes, as [protocol.Weight] counts them.
const (
	// smallBody is for a few settings.
	smallBody = 64 << 10
	// maxBody is for a payload, escaped, and a bit.
	maxBody = 2*protocol.MaxSyncPayload + 1<<20
)

// readJSON reads the body of r, which may weigh budget bytes, into v. No body leaves v as it is.
func readJSON(r *http.Request, v any, budget int) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, int64(budget)+1))
	if _, ok := errors.AsType[*protocol.Error](err); ok {
		return err // the server's own refusal of a body
	}
	if err != nil {
		return protocol.Errorf(protocol.CodeInvalidContent, "Could not read the request body: %v.", err)
	}
	if err := protocol.CheckWeight(data, budget); err != nil {
		return err
	}
	if at := protocol.InvalidUTF8(data); at >= 0 {
		return protocol.Errorf(protocol.CodeSerialization, "The request body cannot be understood: byte %d is not UTF-8.", at)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return protocol.Errorf(protocol.CodeSerialization, "The request body cannot be understood: %v.", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return protocol.Errorf(protocol.CodeSerialization, "The request body is more than one JSON value.")
	}
	return nil
}
