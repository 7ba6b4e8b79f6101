package perdure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Execution is one execution of a function.
type Execution struct {
	// ARN identifies it, here and in the Lambda API.
	ARN string
	// Existing says that the name was known: nothing was started.
	Existing bool
}

// StartOption changes a start; see [Start].
type StartOption func(*engine.InvokeRequest)

// Named names the execution, which makes its start idempotent: the same name with the same input is the execution
// that exists; with another input it is refused. A name is letters, digits, - and _, at most 64, and free again
// when the execution's retention is over.
func Named(name string) StartOption {
	return func(r *engine.InvokeRequest) { r.Name = name }
}

// Tagged gives the execution a tag, by which it can be found; it may be repeated. Tags have AWS's limits: see
// [engine.CheckTags]. A name finds an execution that has other tags, too.
func Tagged(key, value string) StartOption {
	return func(req *engine.InvokeRequest) {
		if req.Tags == nil {
			req.Tags = map[string]string{}
		}
		req.Tags[key] = value
	}
}

// Start starts an execution of a registered function with an input, which goes through JSON. It returns once that
// is durable, and does not wait for the end. Refusals are [*protocol.Error] values.
func Start[In any](ctx context.Context, s *Service, function string, input In, opts ...StartOption) (Execution, error) {
	payload, err := json.Marshal(input)
	if err != nil {
		return Execution{}, fmt.Errorf("perdure: the input of %s cannot be written as JSON: %w", function, err)
	}
	req := engine.InvokeRequest{Function: function, Payload: payload}
	for _, set := range opts {
		set(&req)
	}
	started, err := s.engine.Start(ctx, &req)
	if err != nil {
		return Execution{}, err
	}
	return Execution{ARN: started.ARN, Existing: started.Existing}, nil
}

// Find returns the ARN of the execution of a function that has a name, or a ResourceNotFoundException.
func Find(ctx context.Context, s *Service, function, name string) (arn string, err error) {
	found, err := s.engine.Named(ctx, function, name)
	return found.ARN, err
}

// Wait waits for the end of an execution and returns its output. An execution
// that did not succeed is an [*ExecutionError].
func Wait[Out any](ctx context.Context, s *Service, arn string) (output Out, err error) {
	result, err := s.engine.Wait(ctx, arn)
	if err != nil {
		return output, err
	}
	return outputOf[Out](arn, result.Status, result.Payload, result.Error)
}

// State is how an execution is.
type State[Out any] struct {
	Name    string
	Status  protocol.ExecutionStatus
	Started time.Time
	Ended   time.Time       `json:",omitzero"`  // zero while it is open
	Output  *Out            `json:",omitempty"` // of one that succeeded, else nil
	Err     *ExecutionError `json:",omitempty"` // of one that ended otherwise, else nil
}

// Get looks at an execution, and waits for nothing.
func Get[Out any](ctx context.Context, s *Service, arn string) (*State[Out], error) {
	d, err := s.engine.Describe(ctx, arn)
	if err != nil {
		return nil, err
	}
	state := &State[Out]{Name: d.Name, Status: d.Status, Started: d.Started.Time()}
	if d.Status.Closed() {
		state.Ended = d.Closed.Time()
		output, err := outputOf[Out](arn, d.Status, d.Result, d.Error)
		if err == nil {
			state.Output = &output
		} else if !errors.As(err, &state.Err) {
			return nil, err
		}
	}
	return state, nil
}

// outputOf is the outcome of an execution that has ended.
func outputOf[Out any](arn string, status protocol.ExecutionStatus, result *string,
	failure *protocol.ErrorObject) (output Out, err error) {
	if status != protocol.ExecutionSucceeded {
		return output, &ExecutionError{ARN: arn, Status: status, Cause: failure}
	}
	if result == nil {
		return output, nil
	}
	if err := json.Unmarshal([]byte(*result), &output); err != nil {
		return output, fmt.Errorf("perdure: the result of %s cannot be read as %T: %w", arn, output, err)
	}
	return output, nil
}

// ExecutionError is the end of an execution that did not succeed.
type ExecutionError struct {
	ARN    string
	Status protocol.ExecutionStatus
	Cause  *protocol.ErrorObject // what its handler returned; nil if there is none
}

// Error says how it ended, and why.
func (e *ExecutionError) Error() string {
	text := fmt.Sprintf("execution %s ended as %s", e.ARN, e.Status)
	if e.Cause != nil {
		text += ": " + e.Cause.ErrorType + ": " + e.Cause.ErrorMessage
	}
	return text
}
