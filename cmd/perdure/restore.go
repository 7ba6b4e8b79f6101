package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/internal/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/store/sqlstore"
	"github.com/perdure/perdure/internal/verify"
)

var restoreCommand = &command{
	name:    "restore",
	args:    "FILE --data DIR",
	summary: "make a data directory of a backup",
	help: `
DIR must not hold data yet. What is restored is verified; if it is not in order,
that is told, and the exit status is 1.

An engine on DIR goes on from the moment of the backup: what executions did since
then is done again. Do not run it beside the one that the backup is of.`,
	verb: func() verb { return &restoreVerb{} },
}

type restoreVerb struct{ data string }

func (v *restoreVerb) define(fs *flag.FlagSet) {
	fs.StringVar(&v.data, "data", "", "`DIR` to restore into")
}

func (v *restoreVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "restore", "a backup"); err != nil {
		return err
	}
	if v.data == "" {
		return cli.Usagef("perdure restore needs --data DIR").Hintf("perdure help restore")
	}
	database := filepath.Join(v.data, "perdure.db")
	// SQLite takes a write-ahead log that was left behind for the new database's.
	if fileExists(database) || fileExists(database+"-wal") {
		return cli.Usagef("%s holds data already", v.data).Hintf("restore into a directory of its own")
	}
	if err := v.copy(ctx, args[0], database); err != nil {
		return err
	}
	return v.check(ctx, std, args[0])
}

// copy puts the backup in its place.
func (v *restoreVerb) copy(ctx context.Context, path, database string) error {
	backup, err := os.Open(path)
	if err != nil {
		return cli.Usagef("cannot read the backup: %v", err)
	}
	defer backup.Close()
	if !sqlstore.IsDatabase(backup) {
		return cli.Usagef("%s is not a backup of an engine", path)
	}
	if err := os.MkdirAll(v.data, 0o700); err != nil {
		return dataFault(v.data, err)
	}
	return writeWhole(database, func(f *os.File) error {
		if _, err := io.Copy(f, backup); err != nil {
			return fileFault(database, err)
		}
		return ctx.Err()
	})
}

// check opens what was restored, and verifies it.
func (v *restoreVerb) check(ctx context.Context, std *stdio, path string) error {
	st, err := openData(ctx, v.data, "perdure restore")
	if err != nil {
		return err
	}
	defer st.Close()
	problems := verifyVerb{}
	summary, err := verify.Store(ctx, st, verify.Options{}, func(p verify.Problem) { problems.tell(std, adminapi.Problem(p)) })
	if err != nil {
		return dataFault(v.data, err)
	}
	if summary.Problems > 0 {
		return &cli.Problem{Status: cli.StatusFailed, Message: fmt.Sprintf("%s was restored, and is not in order: %d problems", path, summary.Problems)}
	}
	fmt.Fprintf(std.err, "perdure: restored %d executions, %d of them open\n", summary.Executions, summary.Open)
	fmt.Fprintf(std.err, "  serve     %s\n", commandLine("serve", "--data", v.data))
	return nil
}
