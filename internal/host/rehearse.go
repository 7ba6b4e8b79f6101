package host

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/protocol"
)

// ErrNoRehearsal says that code would run the bodies of its steps in a rehearsal.
var ErrNoRehearsal = errors.New("open executions were not replayed with it: that needs package durable in the function")

// knowsRehearsals reports whether a program has package durable in it.
func knowsRehearsals(proc *runtimes.Process) bool {
	program, err := os.ReadFile(proc.Command[0])
	return err == nil && bytes.Contains(program, []byte(protocol.RehearsalToken))
}

// OpenStage opens an outpost for rehearsals, which call nobody.
func OpenStage(log *slog.Logger) (*Outpost, error) {
	nobody := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "nothing is recorded in a rehearsal", http.StatusServiceUnavailable)
	})
	return OpenOutpost(lambdaapi.Through(nobody, log), log)
}

// Rehearse runs code for rehearsals, in place of the code before; each takes no longer than a time.
func (o *Outpost) Rehearse(c *Code, most time.Duration) (rehearsal.Code, error) {
	c.For, c.Function.Timeout = Rehearsing, most
	running, err := o.Run(c, region, account, func(engine.LogLine) {})
	if err != nil {
		return nil, err
	}
	return Rehearses(running, &c.Function, most), nil
}

// Rehearses is code that runs, for rehearsals, each of which takes no longer than a time.
func Rehearses(code engine.Invoker, fn *engine.Function, most time.Duration) rehearsal.Code {
	version := fn.Version
	if version == "" {
		version = protocol.LatestVersion
	}
	arn := protocol.ARN{Partition: "aws", Region: region, Account: account, Function: fn.Name, Version: version}
	return func(ctx context.Context, event []byte) ([]byte, error) {
		out := code.Invoke(ctx, &engine.Invocation{
			RequestID: uuid.NewString(), FunctionARN: arn.FunctionARN(), Timeout: most, Payload: event,
		})
		if out.Error != nil {
			return nil, errors.New(out.Error.Line())
		}
		return out.Payload, nil
	}
}
