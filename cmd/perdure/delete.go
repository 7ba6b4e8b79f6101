package main

import (
	"context"
	"fmt"
)

var deleteCommand = &command{
	name:    "delete",
	args:    "EXECUTION [--function NAME]",
	summary: "delete one closed execution, with its history",
	help: executionHelp + `

Only an execution that has ended can be deleted; perdure stop ends one. Its name
is free then. What it invoked is not deleted with it.`,
	verb: func() verb { return &deleteVerb{} },
}

type deleteVerb struct{ executionFlags }

func (v *deleteVerb) run(ctx context.Context, std *stdio, args []string) error {
	r, arn, err := v.locate(ctx, "delete", args)
	if err != nil {
		return err
	}
	said, err := r.Delete(ctx, arn)
	if err != nil {
		return r.fault(ctx, err)
	}
	if v.json {
		return printJSON(std.out, said)
	}
	fmt.Fprintf(std.out, "%s\tDELETING\n", nameInARN(arn))
	return nil
}
