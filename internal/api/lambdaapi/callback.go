package lambdaapi

import (
	"net/http"
	"strconv"

	"github.com/perdure/perdure/protocol"
)

var errResultTooLarge = func() error {
	var v violations
	v.add("", "result", "Member must have length less than or equal to "+strconv.Itoa(protocol.MaxPayload))
	return v.err()
}()

// succeedCallback is SendDurableExecutionCallbackSuccess. Its body is the result, byte for byte, which need not be
// JSON; no body is no result.
func (a *api) succeedCallback(w http.ResponseWriter, r *http.Request, id string) error {
	if err := check(id, "callbackId", &callbackIDShape); err != nil {
		return err
	}
	result, err := readBody(r, nil, protocol.MaxPayload, errResultTooLarge)
	if err != nil {
		return err
	}
	if len(result) == 0 {
		result = nil
	}
	return done(w, a.engine.SucceedCallback(r.Context(), id, result))
}

// failCallback is SendDurableExecutionCallbackFailure. Its body is the error.
func (a *api) failCallback(w http.ResponseWriter, r *http.Request, id string) error {
	reason, err := readError(r)
	if err != nil {
		return err
	}
	if err := check(id, "callbackId", &callbackIDShape); err != nil {
		return err
	}
	return done(w, a.engine.FailCallback(r.Context(), id, reason))
}

func (a *api) heartbeatCallback(w http.ResponseWriter, r *http.Request, id string) error {
	if err := check(id, "callbackId", &callbackIDShape); err != nil {
		return err
	}
	return done(w, a.engine.HeartbeatCallback(r.Context(), id))
}

// done answers a request with success and no body.
func done(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	return reply(w, struct{}{})
}
