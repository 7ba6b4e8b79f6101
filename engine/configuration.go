package engine

import (
	"context"
	"time"

	"github.com/perdure/perdure/protocol"
)

// FunctionState says whether a function version can be invoked.
type FunctionState string

// The states of a function version.
const (
	StateActive   FunctionState = "Active"
	StateFailed   FunctionState = "Failed"   // it was published, but its code cannot be run now
	StateDeleting FunctionState = "Deleting" // deleted, while executions of it are still open
)

// Configuration is what is known of a function version.
type Configuration struct {
	Function        // without its Invoker
	ARN      string // with the qualifier that was asked for
	Revision string // changes with every change
	Modified time.Time

	State       FunctionState
	StateReason string // for people; empty for an active one
	// StateReasonCode is Lambda's word for it.
	StateReasonCode string

	CodeSHA256 string // in base64; empty for a function of this process
	CodeSize   int64  // in bytes
}

// Configuration describes the function version that a reference means. An
// unknown one is a ResourceNotFoundException.
func (e *Engine) Configuration(ctx context.Context, ref, qualifier string) (*Configuration, error) {
	t, err := e.lookup(ref, qualifier, primary)
	if err != nil {
		return nil, err
	}
	name, qualifier, err := e.parseRef(ref, qualifier)
	if err != nil {
		return nil, err
	}
	c := e.configuration(ctx, t.function)
	c.ARN = e.unqualifiedARN(name)
	if qualifier != "" {
		c.ARN += ":" + qualifier
	}
	return c, nil
}

// Configurations describes the versions of a function, $LATEST first and then
// by number; with an empty reference those of all functions, ordered by name.
// An unknown function is a ResourceNotFoundException.
func (e *Engine) Configurations(ctx context.Context, ref string) ([]*Configuration, error) {
	names := e.functions.names()
	if ref != "" {
		name, _, err := e.parseRef(ref, "")
		if err != nil {
			return nil, err
		}
		names = []string{name}
	}
	var all []*Configuration
	for _, name := range names {
		for _, f := range e.functions.versionsOf(name) {
			all = append(all, e.configuration(ctx, f))
		}
	}
	if ref != "" && len(all) == 0 {
		return nil, protocol.Errorf(protocol.CodeNotFound, "Function not found: %s", e.unqualifiedARN(names[0]))
	}
	return all, nil
}

// configuration describes f, with its version's ARN.
func (e *Engine) configuration(ctx context.Context, f *function) *Configuration {
	c := &Configuration{
		Function: f.Function, ARN: e.functionARN(f.Name, f.Version).FunctionARN(),
		Revision: f.revision, Modified: f.modified, State: StateActive,
	}
	c.Invoker = nil
	switch {
	case f.draining:
		c.State, c.StateReasonCode = StateDeleting, "DrainingDurableExecutions"
		c.StateReason = "The function was deleted. Its open durable executions go on to their end."
	case f.Invoker == nil:
		c.State, c.StateReasonCode = StateFailed, "InvalidImage"
		c.StateReason = f.whyIdle()
	}
	if f.image != nil {
		c.CodeSHA256, c.CodeSize = f.image.CodeSHA256, f.image.CodeSize
		return c
	}
	if z, ok := f.Invoker.(Freezer); ok {
		var err error
		if c.CodeSHA256, c.CodeSize, err = z.Code(ctx); err != nil {
			c.State, c.StateReasonCode, c.StateReason = StateFailed, "InvalidImage", err.Error()
		}
	}
	return c
}

func (e *Engine) unqualifiedARN(name string) string {
	arn := e.functionARN(name, "").FunctionARN()
	return arn[:len(arn)-1]
}
