package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/host"
)

var restoreCommand = &command{
	name:    "restore",
	args:    "FILE --data DIR | --store URL",
	summary: "make a data directory of a backup, or fill a PostgreSQL with it",
	help: `
DIR must be empty, or not exist, and so must the schema in the PostgreSQL at URL. A
backup of the one kind restores into the other. What is restored is verified; if it
is not in order, that is told, and the exit status is 1. A backup that is damaged,
or cut off, leaves nothing behind.

An engine goes on there from the moment of the backup: what executions did since
then is done again. Do not run it beside those that the backup is of.`,
	verb: func() verb { return &restoreVerb{} },
}

type restoreVerb struct{ storageFlags }

func (v *restoreVerb) define(fs *flag.FlagSet) {
	v.storageFlags.define(fs, "`DIR` to restore into")
}

func (v *restoreVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "restore", "a backup"); err != nil {
		return err
	}
	if v.environment = true; !v.named() {
		return cli.Usagef("perdure restore needs --data DIR or --store URL").Hintf("perdure help restore")
	}
	at, err := v.storage(std)
	if err != nil {
		return err
	}
	if info, err := os.Stat(args[0]); err == nil && !info.Mode().IsRegular() {
		return cli.Usagef("%s is not a file, but a %s", args[0], fileKind(info.Mode()))
	}
	backup, err := os.Open(args[0])
	if err != nil {
		return cli.Usagef("cannot read the backup: %v", err)
	}
	defer backup.Close()
	problems := verifyVerb{}
	restored, err := host.Restore(ctx, at, backup, func(p engine.Problem) { problems.tell(std, p) })
	if err != nil {
		return interruptedOr(ctx, notRestored(args[0], err))
	}
	if restored.Problems > 0 {
		return &cli.Problem{
			Status:  cli.StatusFailed,
			Message: fmt.Sprintf("%s was restored, and is not in order: %d problems", args[0], restored.Problems),
		}
	}
	tellArrived(std, "restored", restored, v.store+v.data, at)
	return nil
}

// notRestored words an error of the backup, rather than of the data directory.
func notRestored(path string, err error) error {
	if _, ok := errors.AsType[*host.DataError](err); ok {
		return err
	}
	if errors.Is(err, host.ErrNoBackup) {
		return cli.Usagef("%s is not a backup of an engine", path)
	}
	return cli.Usagef("%s cannot be restored: %v", path, err)
}

// fileKind words the kind of something that is no regular file.
func fileKind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}
