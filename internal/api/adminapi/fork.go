package adminapi

import (
	"context"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Fork is the body of a request for a fork, or for a redrive, of an execution.
type Fork struct {
	// Before and After name an operation, by its id or its name, at which the copy ends: without it, or with it.
	Before string `json:",omitempty"`
	After  string `json:",omitempty"`
	// Outcome replaces the outcome of the operation After.
	Outcome *engine.ForkOutcome `json:",omitempty"`
	// Input replaces the event; see [engine.ForkRequest].
	Input *string `json:",omitempty"`
	// DurableExecutionName is the new execution's; the default is the other's with a number behind it.
	DurableExecutionName string `json:",omitempty"`
	// Qualifier is the version or alias that runs it; the default is the version of the other.
	Qualifier string `json:",omitempty"`
}

// Forked is a new execution.
type Forked struct {
	DurableExecutionArn  string
	DurableExecutionName string
	Version              string
}

type forkEngine interface {
	Fork(ctx context.Context, req *engine.ForkRequest) (*engine.Started, error)
}

func (a *api) forkWhole(w http.ResponseWriter, r *http.Request, arn string) error {
	return a.fork(w, r, &engine.ForkRequest{ARN: arn})
}

func (a *api) redrive(w http.ResponseWriter, r *http.Request, arn string) error {
	return a.fork(w, r, &engine.ForkRequest{ARN: arn, Redrive: true})
}

func (a *api) fork(w http.ResponseWriter, r *http.Request, req *engine.ForkRequest) error {
	var body Fork
	if err := readJSON(r, &body, maxBody); err != nil {
		return err
	}
	req.Before, req.After, req.Name, req.Qualifier = body.Before, body.After, body.DurableExecutionName, body.Qualifier
	req.Outcome, req.Input = body.Outcome, body.Input
	started, err := a.engine.Fork(r.Context(), req)
	if err != nil {
		return err
	}
	return replyStarted(w, started)
}

// replyStarted answers with an execution that a copy started.
func replyStarted(w http.ResponseWriter, started *engine.Started) error {
	arn, err := protocol.ParseARN(started.ARN)
	if err != nil {
		return err
	}
	return reply(w, Forked{DurableExecutionArn: started.ARN, DurableExecutionName: arn.Name, Version: started.Version})
}
