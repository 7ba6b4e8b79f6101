package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/perdure/perdure/internal/cli"
)

var exportCommand = &command{
	name:    "export",
	args:    "EXECUTION [FILE]",
	summary: "write one execution to a file, with its whole history",
	help: executionHelp + `

FILE, which must not exist, is for "perdure import", on this engine or another
one. Without FILE, or with -, it goes to stdout. It is lines of JSON with a
checksum, and holds payloads.`,
	verb: func() verb { return &exportVerb{} },
}

type exportVerb struct{ executionFlags }

func (v *exportVerb) run(ctx context.Context, std *stdio, args []string) error {
	path := "-"
	if len(args) == 2 {
		args, path = args[:1], args[1]
	}
	r, arn, err := v.locate(ctx, "export", args)
	if err != nil {
		return err
	}
	if path == "-" {
		return r.fault(ctx, r.Export(ctx, arn, std.out))
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cli.Usagef("%s exists already", path).Hintf("choose another name for the file")
	}
	err = writeWhole(path, func(f *os.File) error { return r.fault(ctx, r.Export(ctx, arn, f)) })
	if err != nil {
		return err
	}
	fmt.Fprintf(std.err, "perdure: execution %s is in %s\n", nameInARN(arn), path)
	return nil
}
