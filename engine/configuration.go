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
func (fs *Functions) Configuration(ctx context.Context, ref, qualifier string) (*Configuration, error) {
	t, err := fs.lookup(ref, qualifier, primary)
	if err != nil {
		return nil, err
	}
	name, qualifier, err := fs.home.parseRef(ref, qualifier)
	if err != nil {
		return nil, err
	}
	c := fs.configuration(ctx, t.function)
	c.ARN = fs.home.unqualifiedARN(name)
	if qualifier != "" {
		c.ARN += ":" + qualifier
	}
	return c, nil
}

// Configurations describes the versions of a function, $LATEST first and then
// by number; with an empty reference those of all functions, ordered by name.
// An unknown function is a ResourceNotFoundException.
func (fs *Functions) Configurations(ctx context.Context, ref string) ([]*Configuration, error) {
	names := fs.names()
	if ref != "" {
		name, _, err := fs.home.parseRef(ref, "")
		if err != nil {
			return nil, err
		}
		names = []string{name}
	}
	var all []*Configuration
	for _, name := range names {
		for _, f := range fs.versionsOf(name) {
			all = append(all, fs.configuration(ctx, f))
		}
	}
	if ref != "" && len(all) == 0 {
		return nil, protocol.Errorf(protocol.CodeNotFound, "Function not found: %s", fs.home.unqualifiedARN(names[0]))
	}
	return all, nil
}

// configuration describes f, with its version's ARN.
func (fs *Functions) configuration(ctx context.Context, f *function) *Configuration {
	c := &Configuration{
		Function: f.Function, ARN: fs.home.functionARN(f.Name, f.Version).FunctionARN(),
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
