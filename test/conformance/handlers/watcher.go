package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/plugin"
)

// watched adds a plugin that tells of some operations.
func watched(only func(*plugin.Operation) bool) durable.HandlerOption {
	return durable.WithPlugins(watcher{name: "CONFPLUGIN", only: only}.plugin())
}

// watchedWithNone is watched with a word for what is absent.
func watchedWithNone(only func(*plugin.Operation) bool) durable.HandlerOption {
	return durable.WithPlugins(watcher{name: "CONFPLUGIN", only: only, none: true}.plugin())
}

func isAny(*plugin.Operation) bool        { return true }
func isStep(op *plugin.Operation) bool    { return op.Type == "STEP" }
func isWait(op *plugin.Operation) bool    { return op.Type == "WAIT" }
func isContext(op *plugin.Operation) bool { return op.Type == "CONTEXT" }
func isBranch(op *plugin.Operation) bool  { return op.SubType == "ParallelBranch" }

// watcher is a plugin that writes what it hears as JSON lines on standard
// output. The requirements ask for lines of two kinds, in which the same things
// have other names; each line here has what both want.
type watcher struct {
	name   string
	only   func(*plugin.Operation) bool
	none   bool // says NONE where an operation has no parent, result or error
	faulty bool // panics in every hook
}

// fields are members of a line. What is not known is left out.
type fields map[string]any

func (w watcher) plugin() *plugin.Plugin {
	return &plugin.Plugin{
		Name: w.name,
		InvocationStart: func(ctx context.Context, inv *plugin.Invocation) context.Context {
			for _, op := range inv.Updated {
				info := &plugin.Operation{Operation: op, Invocation: inv}
				w.tellOf("updated-on-invoke", info, fields{"first": inv.First})
			}
			w.tell("invocation-start", inv, invocation(inv), fields{"updatedOperationsCount": len(inv.Updated)})
			return ctx
		},
		OperationResume: func(_ context.Context, op *plugin.Operation) { w.tellOf("operation-start", op) },
		OperationStart:  func(_ context.Context, op *plugin.Operation) { w.tellOf("operation-start", op) },
		OperationChange: func(_ context.Context, change *plugin.Change) {
			all := change.Invocation.Operations
			for _, op := range change.Updated {
				in := all.Get(op.ID) != nil
				w.tellOf("operation-change", op, w.outcome(op), fields{
					"executionArn": op.Invocation.ExecutionARN, "in_full_map": in, "inFullMap": in,
					"updatedOperationsCount": len(change.Updated), "operationsCount": all.Len(),
				})
			}
		},
		OperationEnd: func(_ context.Context, op *plugin.Operation) { w.tellOf("operation-end", op, w.outcome(op)) },
		AttemptStart: func(ctx context.Context, a *plugin.Attempt) context.Context {
			w.tellOf("attempt-start", a.Operation, fields{"n": a.Number, "attempt": a.Number}, times(a.Start, a.End))
			return ctx
		},
		AttemptEnd: func(_ context.Context, a *plugin.Attempt) {
			w.tellOf("attempt-end", a.Operation, fields{"n": a.Number, "attempt": a.Number}, times(a.Start, a.End), outcome(a.Err))
		},
		ContextStart: func(ctx context.Context, run *plugin.ContextRun) context.Context {
			w.tellOf("fn-start", run.Operation, fields{"isReplayingChildren": run.ReplaysChildren})
			return ctx
		},
		ContextEnd: func(_ context.Context, run *plugin.ContextRun) {
			w.tellOf("fn-end", run.Operation, fields{"isReplayingChildren": run.ReplaysChildren}, outcome(run.Err))
		},
		InvocationEnd: func(_ context.Context, end *plugin.Outcome) {
			how := fields{"status": end.Status, "terminal": end.Status == "SUCCEEDED" || end.Status == "FAILED"}
			if end.Error != nil {
				how["executionError"] = end.Error.ErrorMessage
			}
			w.tell("invocation-end", end.Invocation, invocation(end.Invocation), how)
		},
	}
}

func invocation(inv *plugin.Invocation) fields {
	return fields{
		"first": inv.First, "isFirstInvocation": inv.First, "requestId": inv.RequestID,
		"operationsCount": inv.Operations.Len(), "executionStartTimestamp": inv.ExecutionStart.UTC(),
	}
}

func (w watcher) operation(op *plugin.Operation) fields {
	f := fields{
		"op": op.ID, "id": op.ID, "name": op.Name, "type": op.Type, "subType": op.SubType, "status": op.Status,
		"replay": op.Replayed, "isReplay": op.Replayed, "pending": !op.Status.Closed(),
	}
	if w.none {
		f["parent"] = "NONE"
	}
	if op.ParentID != "" {
		f["parent"], f["parentId"] = op.ParentID, op.ParentID
	}
	if op.Attempt > 0 {
		f["attempt"] = op.Attempt
	}
	maps.Copy(f, times(op.Start.Time(), op.End.Time()))
	return f
}

// outcome is what came of an operation.
func (w watcher) outcome(op *plugin.Operation) fields {
	f := fields{}
	if w.none {
		f["result"], f["error"] = "NONE", "NONE"
	}
	if op.Payload != nil {
		f["result"] = *op.Payload
	}
	if op.Error != nil {
		f["error"] = op.Error.ErrorMessage
	}
	return f
}

func times(start, end time.Time) fields {
	f := fields{"startTimestamp": start.UTC()}
	if !end.IsZero() {
		f["endTimestamp"] = end.UTC()
	}
	return f
}

func outcome(err error) fields {
	if err != nil {
		return fields{"outcome": "FAILED", "error": err.Error()}
	}
	return fields{"outcome": "SUCCEEDED"}
}

func (w watcher) tellOf(hook string, op *plugin.Operation, more ...fields) {
	if w.only(op) {
		w.tell(hook, op.Invocation, append([]fields{w.operation(op)}, more...)...)
	}
}

// tell writes a line.
func (w watcher) tell(hook string, inv *plugin.Invocation, all ...fields) {
	line := fields{"plugin": w.name, "hook": hook, "durableExecutionArn": inv.ExecutionARN}
	for _, f := range all {
		maps.Copy(line, f)
	}
	json.NewEncoder(os.Stdout).Encode(line)
	if w.faulty {
		panic(errors.New("this plugin always fails"))
	}
}
