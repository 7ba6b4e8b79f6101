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
EXECUTION is an ARN, a name, a piece of a name that only one execution has, or
else such a piece of an id.`

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

// resolve finds the execution that word means: by ARN, by name, or by a piece of its name, or else of its id, that no
// other execution has.
func (r *remote) resolve(ctx context.Context, word, function string) (string, error) {
	if _, err := protocol.ParseARN(word); err == nil {
		return word, nil
	}
	if protocol.ValidID(word, protocol.MaxExecutionName) {
		named, err := r.some(ctx, engine.Filter{Function: function, Name: word})
		switch {
		case err != nil:
			return "", err
		case len(named) == 1:
			return named[0].DurableExecutionArn, nil
		case len(named) > 1:
			return "", cli.Usagef("executions of several functions are called %q", word).
				Hintf("--function NAME says which is meant, or the ARN")
		}
		named, err = r.some(ctx, engine.Filter{Function: function, Name: "*" + word + "*"})
		if err != nil || len(named) > 0 {
			return only(word, named, err)
		}
	}
	return r.resolveID(ctx, word, function)
}

// some returns one or two of the executions that f selects, or none: two are too many already.
func (r *remote) some(ctx context.Context, f engine.Filter) (found []*adminapi.Execution, err error) {
	for e, err := range r.Find(ctx, engine.ListRequest{Filter: f, MaxItems: 2}) {
		if err != nil {
			return nil, r.fault(ctx, err)
		}
		if found = append(found, e); len(found) == 2 {
			break
		}
	}
	return found, nil
}

// only returns the ARN of one that has a piece, if it is the only one.
func only(piece string, found []*adminapi.Execution, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case len(found) == 1:
		return found[0].DurableExecutionArn, nil
	}
	return "", cli.Faultf("%q is a piece of several executions, among them %s and %s", piece,
		found[0].DurableExecutionName, found[1].DurableExecutionName).
		Hintf("give more of the name, or the ARN")
}

// maxByID bounds the executions of which resolveID looks at the id: no store finds a piece of one.
const maxByID = 10 * protocol.MaxPage

// resolveID finds an execution by a piece of its id; if there are more than [maxByID], one of the newest by the whole
// id.
func (r *remote) resolveID(ctx context.Context, piece, function string) (string, error) {
	var found []*adminapi.Execution
	seen := 0
	list := engine.ListRequest{Filter: engine.Filter{Function: function}, MaxItems: protocol.MaxPage}
	for e, err := range r.Find(ctx, list) {
		if err != nil {
			return "", r.fault(ctx, err)
		}
		if seen++; seen > maxByID {
			return "", cli.Faultf("no execution%s has %q in its name, and there are too many to look for it in "+
				"their ids", ofFunction(function), piece).Hintf("give the name, or the ARN")
		}
		id := e.DurableExecutionArn[strings.LastIndexByte(e.DurableExecutionArn, '/')+1:]
		if id == piece {
			return e.DurableExecutionArn, nil
		}
		if strings.Contains(id, piece) {
			found = append(found, e)
		}
		if len(found) == 2 {
			break
		}
	}
	if len(found) > 0 {
		return only(piece, found, nil)
	}
	words := []string{"list"}
	if function != "" {
		words = append(words, function)
	}
	return "", cli.Faultf("no execution%s is called %q", ofFunction(function), piece).
		Hintf("%s shows them", cli.CommandLine(words...))
}

func ofFunction(name string) string {
	if name == "" {
		return ""
	}
	return " of " + name
}

// nameInARN is the execution's name in its ARN.
func nameInARN(arn string) string {
	parsed, err := protocol.ParseARN(arn)
	if err != nil {
		return arn
	}
	return parsed.Name
}
