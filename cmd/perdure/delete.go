package main

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
)

var deleteCommand = &command{
	name:    "delete",
	args:    "EXECUTION | FILTER",
	summary: "delete one closed execution, with its history",
	help: bulkHelp + `

Only an execution that has ended can be deleted; perdure stop ends one. Its name
is free then. What it invoked is not deleted with it.`,
	verb: func() verb { return &deleteVerb{} },
}

type deleteVerb struct{ bulkFlags }

func (v *deleteVerb) run(ctx context.Context, std *stdio, args []string) error {
	if v.isMany(args) {
		return v.many(ctx, std, &adminapi.JobRequest{Action: engine.JobDelete})
	}
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
