package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/wire"
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

// locate returns the engine, and the ARN of the execution that args name.
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

// tell says how the execution stands now: one that had ended before keeps its
// status.
func (f *executionFlags) tell(ctx context.Context, std *stdio, r *remote, arn string) error {
	e, raw, err := r.execution(ctx, arn)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(std.out, raw)
	}
	fmt.Fprintf(std.out, "%s\t%s\n", e.Name, e.Status)
	return nil
}

// resolve finds the execution that word names: by ARN, by name, or by a piece
// of its id or name that only one execution has.
func (r *remote) resolve(ctx context.Context, word, function string) (string, error) {
	if _, err := wire.ParseARN(word); err == nil {
		return word, nil
	}
	functions, err := r.searched(ctx, function)
	if err != nil {
		return "", err
	}
	if wire.ValidID(word, wire.MaxExecutionName) {
		for _, f := range functions {
			q := lambda.ListDurableExecutionsByFunctionInput{FunctionName: &f, DurableExecutionName: &word}
			found, err := r.find(ctx, q, func(*cli.Execution) bool { return true })
			if err != nil || len(found) > 0 {
				return firstARN(found), err
			}
		}
	}
	return r.resolvePiece(ctx, word, functions)
}

func firstARN(found []*cli.Execution) string {
	if len(found) == 0 {
		return ""
	}
	return found[0].ARN
}

// searched returns the functions to search: the one given, or all.
func (r *remote) searched(ctx context.Context, function string) ([]string, error) {
	if function != "" {
		return []string{function}, nil
	}
	functions, err := r.functions(ctx)
	if err == nil && len(functions) == 0 {
		err = cli.Usagef("an execution is named by its ARN, or together with --function NAME")
	}
	return functions, err
}

func (r *remote) resolvePiece(ctx context.Context, piece string, functions []string) (string, error) {
	var found []*cli.Execution
	for _, f := range functions {
		more, err := r.find(ctx, lambda.ListDurableExecutionsByFunctionInput{FunctionName: &f}, func(e *cli.Execution) bool {
			return strings.Contains(e.Name+"/"+e.ARN[strings.LastIndexByte(e.ARN, '/')+1:], piece)
		})
		if err != nil {
			return "", err
		}
		found = append(found, more...)
	}
	switch len(found) {
	case 0:
		return "", cli.Faultf("no execution of %s is called %q", strings.Join(functions, ", "), piece).
			Hintf("%s shows them", commandLine(append([]string{"list"}, functions...)...))
	case 1:
		return found[0].ARN, nil
	}
	return "", cli.Faultf("%q is a piece of %d executions, among them %s and %s", piece, len(found), found[0].Name, found[1].Name).
		Hintf("give more of the name, or the ARN")
}

// find returns the executions that q selects and match accepts.
func (r *remote) find(ctx context.Context, q lambda.ListDurableExecutionsByFunctionInput, match func(*cli.Execution) bool) ([]*cli.Execution, error) {
	q.MaxItems = wire.MaxPage
	var found []*cli.Execution
	for raw, err := range r.executions(ctx, q) {
		if err != nil {
			return nil, err
		}
		var e cli.Execution
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, r.nonsense(err)
		}
		if match(&e) {
			found = append(found, &e)
		}
	}
	return found, nil
}

// nameInARN is what a person calls an execution: the name in its ARN.
func nameInARN(arn string) string {
	parsed, err := wire.ParseARN(arn)
	if err != nil {
		return arn
	}
	return parsed.Name
}
