package lambdaapi

import (
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// maxPauseBody bounds the body of a pause or a resumption: a reason, escaped at length, and little else.
const maxPauseBody = 64 << 10

var errPauseTooLarge = refusal(protocol.CodeRequestTooLarge, "Request must be smaller than %d bytes", maxPauseBody)

// pauseBody is the body of PauseDurableExecution and, without the last member, of ResumeDurableExecution.
type pauseBody struct {
	clientToken   string
	reason        *string
	timeoutPaused bool
}

func (a *api) pause(w http.ResponseWriter, r *http.Request, arn string) error {
	body, err := readPause(r, arn)
	if err != nil {
		return err
	}
	return accepted(w, a.engine.Pause(r.Context(), &engine.PauseRequest{
		ARN: arn, ClientToken: body.clientToken, Reason: body.reason, KeepTimeout: !body.timeoutPaused,
	}))
}

func (a *api) resume(w http.ResponseWriter, r *http.Request, arn string) error {
	body, err := readPause(r, arn)
	if err != nil {
		return err
	}
	return accepted(w, a.engine.Resume(r.Context(), &engine.ResumeRequest{
		ARN: arn, ClientToken: body.clientToken, Reason: body.reason,
	}))
}

func readPause(r *http.Request, arn string) (*pauseBody, error) {
	buf := getBuffer()
	defer buf.free()
	var err error
	if buf.b, err = readBody(r, buf.b, maxPauseBody, errPauseTooLarge); err != nil {
		return nil, err
	}
	return decodePause(arn, buf.b)
}

func decodePause(arn string, body []byte) (*pauseBody, error) {
	d := newReader(body)
	var v violations
	v.text(arn, "durableExecutionArn", &executionARNShape)
	out := &pauseBody{timeoutPaused: true}
	if d.Peek() != 0 { // no body is an empty request
		for name := range d.Members() {
			switch string(name) {
			case "ClientToken":
				if s, present := d.Bytes(); present {
					out.clientToken = string(s)
					v.text(out.clientToken, "clientToken", &clientTokenShape)
				}
			case "Reason":
				if s, present := d.Bytes(); present {
					out.reason = new(string(s))
					v.text(*out.reason, "reason", &reasonShape)
				}
			case "ExecutionTimeoutPaused":
				if !d.Null() {
					out.timeoutPaused = d.Bool()
				}
			default:
				d.Skip()
			}
		}
	}
	d.End()
	if d.Err() != nil {
		return nil, d.Err()
	}
	return out, v.err()
}

// accepted answers a request whose status says it all. AWS's model has no body for it.
func accepted(w http.ResponseWriter, err error) error {
	if err == nil {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusAccepted)
	}
	return err
}

func (a *api) delete(w http.ResponseWriter, r *http.Request, arn string) error {
	if err := check(arn, "durableExecutionArn", &executionARNShape); err != nil {
		return err
	}
	at, err := a.engine.Delete(r.Context(), arn)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusAccepted, encode(struct{ DeletionRequestTimestamp protocol.Seconds }{protocol.Seconds(at)}))
	return nil
}
