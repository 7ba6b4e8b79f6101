package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/core/store/sqlstore"
	"github.com/perdure/perdure/internal/files/archive"
	"github.com/perdure/perdure/internal/files/fresh"
)

var restoreCommand = &command{
	name:    "restore",
	args:    "FILE --data DIR",
	summary: "make a data directory of a backup",
	help: `
DIR must be empty, or not exist. What is restored is verified; if it is not in
order, that is told, and the exit status is 1. A backup that is damaged, or cut
off, leaves nothing in DIR.

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
	if info, err := os.Stat(args[0]); err == nil && !info.Mode().IsRegular() {
		return cli.Usagef("%s is not a file, but a %s", args[0], fileKind(info.Mode()))
	}
	backup, err := os.Open(args[0])
	if err != nil {
		return cli.Usagef("cannot read the backup: %v", err)
	}
	defer backup.Close()
	if err := archive.Recognize(backup); err != nil {
		return notRestored(args[0], err)
	}
	if _, err := backup.Seek(0, io.SeekStart); err != nil {
		return cli.Usagef("cannot read the backup: %v", err)
	}
	st, restored, err := v.restore(ctx, backup)
	if err != nil {
		return err
	}
	defer st.Close()
	return v.check(ctx, std, st, args[0], restored)
}

// restore makes the data directory of a backup, and opens what is in it. From
// before anything is looked at until the store is closed nobody else has it.
func (v *restoreVerb) restore(ctx context.Context, backup *os.File) (*sqlstore.Store, *archive.Restored, error) {
	const owner = "perdure restore"
	lock, err := sqlstore.TakeLock(v.data, owner)
	if err != nil {
		return nil, nil, dataFault(v.data, err)
	}
	restored, err := v.unpack(ctx, backup)
	if err != nil {
		lock.Release()
		return nil, nil, err
	}
	st, err := sqlstore.Open(ctx, v.data, &sqlstore.Options{Owner: owner, Lock: lock})
	if err != nil {
		return nil, nil, dataFault(v.data, err)
	}
	return st, restored, nil
}

// unpack puts what is in a backup into the directory, which is locked.
func (v *restoreVerb) unpack(ctx context.Context, backup *os.File) (*archive.Restored, error) {
	if err := checkRestored(v.data); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(v.data)
	if err != nil {
		return nil, dataFault(v.data, err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == sqlstore.LockFile:
		case strings.HasPrefix(name, sqlstore.Database):
			return nil, cli.Usagef("%s holds data already", v.data).Hintf("restore into a directory of its own; it holds %s", name)
		default:
			return nil, cli.Usagef("%s is not empty: it holds %s", v.data, name).Hintf("restore into a directory of its own")
		}
	}
	restored, err := archive.Restore(ctx, backup, v.data, &archive.Options{
		Databases: []string{sqlstore.Database, sqlstore.Logs},
		Check: func(r io.ReaderAt) error {
			if !sqlstore.IsDatabase(r) {
				return errors.New("it is no database of an engine")
			}
			return nil
		},
	})
	if err == nil {
		err = fresh.Flush(filepath.Dir(filepath.Clean(v.data)))
	}
	switch {
	case err == nil:
		return restored, nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, fs.ErrPermission):
		return nil, dataFault(v.data, err)
	}
	return nil, interruptedOr(ctx, notRestored(backup.Name(), err))
}

// checkRestored refuses a directory in which a restore was cut off: what is in it
// is not all, and an engine would begin there with nothing.
func checkRestored(dir string) error {
	if !fileExists(filepath.Join(dir, archive.Partial(sqlstore.Database))) {
		return nil
	}
	return cli.Faultf("%s is incomplete: a restore into it was interrupted", dir).
		Hintf("remove the directory, and restore the backup again")
}

func notRestored(path string, err error) error {
	if errors.Is(err, archive.ErrForeign) {
		return cli.Usagef("%s is not a backup of an engine", path)
	}
	return cli.Usagef("%s cannot be restored: %v", path, err)
}

// check verifies what was restored.
func (v *restoreVerb) check(ctx context.Context, std *stdio, st *sqlstore.Store, path string, restored *archive.Restored) error {
	problems := verifyVerb{}
	summary, err := verifyData(ctx, st, v.data, func(p engine.Problem) { problems.tell(std, p) })
	if err != nil {
		return interruptedOr(ctx, dataFault(v.data, err))
	}
	if summary.Problems > 0 {
		return &cli.Problem{Status: cli.StatusFailed, Message: fmt.Sprintf("%s was restored, and is not in order: %d problems", path, summary.Problems)}
	}
	fmt.Fprintf(std.err, "perdure: restored %d executions, %d of them open\n", summary.Executions, summary.Open)
	if restored.Code > 0 {
		fmt.Fprintf(std.err, "  code      of published versions, %d pieces\n", restored.Code)
	}
	fmt.Fprintf(std.err, "  serve     %s\n", commandLine("serve", "--data", v.data))
	return nil
}

// fileKind is what people call something that is no regular file.
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
