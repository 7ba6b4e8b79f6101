package main

import (
	"context"
	"sync"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/sandbox"
)

// maxMentions bounds how many other executions are mentioned.
const maxMentions = 3

// others tells one execution's invocations from those of the function's other
// open executions, which go on while the function is here to be invoked.
type others struct {
	name string            // the execution that matters
	meet func(name string) // is told the names of some others, each once

	mu       sync.Mutex
	requests map[string]bool // invocations of other executions
	names    map[string]bool
}

// watch returns inv, with others looking on.
func (o *others) watch(inv engine.Invoker) engine.Invoker { return observed{inv, o} }

// wrote reports whether another execution wrote the line.
func (o *others) wrote(line sandbox.Line) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests[line.RequestID]
}

func (o *others) note(inv *engine.Invocation) {
	name := nameInARN(inv.ExecutionARN)
	if name == o.name {
		return
	}
	o.mu.Lock()
	if o.requests == nil {
		o.requests, o.names = map[string]bool{}, map[string]bool{}
	}
	isNew := !o.names[name] && len(o.names) < maxMentions
	o.requests[inv.RequestID], o.names[name] = true, true
	o.mu.Unlock()
	if isNew {
		o.meet(name)
	}
}

// observed is an invoker that others looks at.
type observed struct {
	engine.Invoker
	others *others
}

// Invoke implements [engine.Invoker].
func (o observed) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	o.others.note(inv)
	return o.Invoker.Invoke(ctx, inv)
}
