package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

// executionFlags are the flags of the verbs about one execution.
type executionFlags struct {
	remoteFlags
	function string
}

func (f *executionFlags) define(fs *flag.FlagSet) {
	f.remoteFlags.define(fs)
	fs.StringVar(&f.function, "function", "", "search only the executions of the function `NAME`, not those of all")
}

const executionHelp = `
EXECUTION is an ARN, a name, or a piece of a name or id that only one execution
has.`

// locate returns the engine, and the ARN of the execution in args.
func (f *executionFlags) locate(ctx context.Context, verb string, args []string) (*remote, string, error) {
	if err := exactly(args, verb, "an execution"); err != nil {
		return nil, "", err
	}
	r, err := f.dial()
	if err != nil {
		return nil, "", err
	}
	arn, err := r.resolve(ctx, args[0], f.function)
	return r, arn, err
}

// tell says the execution's state now: one that had ended before keeps its status.
func (f *executionFlags) tell(ctx context.Context, std *stdio, r *remote, arn string) error {
	e, err := r.Execution(ctx, arn)
	if err != nil {
		return r.fault(ctx, err)
	}
	if f.json {
		return printJSON(std.out, e.JSON)
	}
	fmt.Fprintf(std.out, "%s\t%s\n", e.Name, e.Status)
	return nil
}

// resolve finds the execution that word means: by ARN, by name, or by a piece of its id or name that no other
// execution has.
func (r *remote) resolve(ctx context.Context, word, function string) (string, error) {
	if _, err := protocol.ParseARN(word); err == nil {
		return word, nil
	}
	if protocol.ValidID(word, protocol.MaxExecutionName) {
		named, err := r.matching(ctx, engine.Filter{Function: function, Name: word}, isAny)
		switch {
		case err != nil:
			return "", err
		case len(named) == 1:
			return named[0].DurableExecutionArn, nil
		case len(named) > 1:
			return "", cli.Usagef("executions of %d functions are called %q", len(named),
				word).Hintf("--function NAME says which is meant, or the ARN")
		}
	}
	return r.resolvePiece(ctx, word, function)
}

func isAny(*adminapi.Execution) bool { return true }

// resolvePiece searches all executions.
func (r *remote) resolvePiece(ctx context.Context, piece, function string) (string, error) {
	found, err := r.matching(ctx, engine.Filter{Function: function}, func(e *adminapi.Execution) bool {
		_, id, _ := strings.Cut(e.DurableExecutionArn, "/durable-execution/") // name/id
		return strings.Contains(id, piece)
	})
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		whose, list := "", []string{"list"}
		if function != "" {
			whose, list = " of "+function, append(list, function)
		}
		return "", cli.Faultf("no execution%s is called %q", whose, piece).Hintf("%s shows them",
			cli.CommandLine(list...))
	case 1:
		return found[0].DurableExecutionArn, nil
	}
	return "", cli.Faultf("%q is a piece of %d executions, among them %s and %s", piece, len(found),
		found[0].DurableExecutionName, found[1].DurableExecutionName).
		Hintf("give more of the name, or the ARN")
}

// matching returns the executions that f selects and match accepts.
func (r *remote) matching(ctx context.Context, f engine.Filter,
	match func(*adminapi.Execution) bool) ([]*adminapi.Execution, error) {
	var found []*adminapi.Execution
	for e, err := range r.Find(ctx, engine.ListRequest{Filter: f, MaxItems: protocol.MaxPage}) {
		if err != nil {
			return nil, r.fault(ctx, err)
		}
		if match(e) {
			found = append(found, e)
		}
	}
	return found, nil
}

// nameInARN is the execution's name in its ARN.
func nameInARN(arn string) string {
	parsed, err := protocol.ParseARN(arn)
	if err != nil {
		return arn
	}
	return parsed.Name
}
