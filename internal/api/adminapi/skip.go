package adminapi

import (
	"context"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Skip is the body of a request to let moments come early.
type Skip struct {
	// Operation is the id or name of an operation that waits for a moment; empty is the earliest of all moments
	// with which the execution goes on.
	Operation string `json:",omitempty"`
	// All is all of them.
	All bool `json:",omitempty"`
}

// Skipped is a moment that came early; without an operation it is the next try after a failed invocation.
type Skipped struct {
	OperationId  string                 `json:",omitempty"`
	Type         protocol.OperationType `json:",omitempty"`
	Name         string                 `json:",omitempty"`
	DueTimestamp protocol.Seconds       // when it would have come
}

type skipEngine interface {
	Skip(ctx context.Context, req *engine.SkipRequest) ([]engine.Skipped, error)
}

func (a *api) skip(w http.ResponseWriter, r *http.Request, arn string) error {
	var body Skip
	if err := readJSON(r, &body, smallBody); err != nil {
		return err
	}
	moments, err := a.engine.Skip(r.Context(), &engine.SkipRequest{ARN: arn, Operation: body.Operation, All: body.All})
	if err != nil {
		return err
	}
	var out struct{ Skipped []Skipped }
	for _, m := range moments {
		out.Skipped = append(out.Skipped, Skipped{OperationId: m.OperationID, Type: m.Type, Name: m.Name, DueTimestamp: protocol.Seconds(m.Due)})
	}
	return reply(w, out)
}
