package adminapi

import (
	"context"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Stop is the body of a request to stop an execution: StopDurableExecution, and what that does not know.
type Stop struct {
	Error *protocol.ErrorObject `json:",omitempty"` // becomes the execution's
	// Kill ends what runs for the execution, Cascade stops those that it invoked; see [engine.StopRequest].
	Kill    bool `json:",omitempty"`
	Cascade bool `json:",omitempty"`
}

// Stopped says when an execution closed.
type Stopped struct{ StopTimestamp protocol.Seconds }

type stopEngine interface {
	Stop(ctx context.Context, req *engine.StopRequest) (protocol.Timestamp, error)
}

func (a *api) stop(w http.ResponseWriter, r *http.Request, arn string) error {
	var body Stop
	if err := readJSON(r, &body, maxBody); err != nil {
		return err
	}
	at, err := a.engine.Stop(r.Context(), &engine.StopRequest{
		ARN: arn, Reason: body.Error, Kill: body.Kill, Cascade: body.Cascade,
	})
	if err != nil {
		return err
	}
	return reply(w, Stopped{protocol.Seconds(at)})
}
