package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/core/store/sqlstore"
	"github.com/perdure/perdure/internal/files/archive"
	"github.com/perdure/perdure/internal/files/fresh"
	"github.com/perdure/perdure/internal/function/codestore"
)

var backupCommand = &command{
	name:    "backup",
	args:    "FILE [--data DIR]",
	summary: "copy everything that an engine has stored into one file",
	help: `
The copy is one moment of the engine, which goes on meanwhile; with --data that of
a directory whose engine does not run. FILE, which must not exist, is a tar
archive: of the executions, of what functions wrote, and of the code of published
versions. What is not in it is made anew: builds, and the runtimes of languages.
"perdure restore" makes a data directory of it.

FILE holds payloads, and the key that callback ids are signed with: keep it as you
keep the data itself.`,
	verb: func() verb { return &backupVerb{} },
}

type backupVerb struct {
	remoteFlags
	data string
}

func (v *backupVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.StringVar(&v.data, "data", "", "`DIR` that holds the data of an engine that does not run")
}

func (v *backupVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "backup", "a file"); err != nil {
		return err
	}
	path := args[0]
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cli.Usagef("%s exists already", path).Hintf("a backup replaces no file: choose another name")
	}
	size, err := v.backup(ctx, path)
	if err != nil {
		return err
	}
	if v.json {
		return json.NewEncoder(std.out).Encode(map[string]any{"File": path, "Bytes": size})
	}
	fmt.Fprintf(std.out, "%s\t%d bytes\n", path, size)
	return nil
}

// backup writes the file, which is there only if all went well.
func (v *backupVerb) backup(ctx context.Context, path string) (size int64, err error) {
	if v.data == "" {
		return v.receive(ctx, path)
	}
	st, err := openData(ctx, v.data, "perdure backup")
	if err != nil {
		return 0, err
	}
	defer st.Close()
	if err := fresh.Sweep(v.data, "backup-"); err != nil {
		return 0, dataFault(v.data, err)
	}
	dir, err := fresh.MakeDir(v.data, "backup-", 0o700)
	if err != nil {
		return 0, dataFault(v.data, err)
	}
	defer dir.Remove()
	write, err := copyData(ctx, st, codestore.New(filepath.Join(v.data, codeDir)), dir.Path)
	if err != nil {
		return 0, interruptedOr(ctx, fileFault(path, err))
	}
	err = writeWhole(path, func(f *os.File) error {
		if err := write(ctx, f); err != nil {
			return interruptedOr(ctx, fileFault(path, err))
		}
		size, err = f.Seek(0, io.SeekCurrent)
		return err
	})
	return size, err
}

// copyData copies what an engine has stored into the empty directory dir, as it
// is at one moment, and returns what writes the copy as an archive. Code is
// looked at before and after, as versions may come and go.
func copyData(ctx context.Context, st *sqlstore.Store, code *codestore.Store, dir string) (func(context.Context, io.Writer) error, error) {
	src := &archive.Source{Databases: map[string]string{}, Code: filepath.Join(dir, codeDir)}
	if err := code.Link(ctx, src.Code); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, sqlstore.Database)
	if err := st.Backup(ctx, path); err != nil {
		return nil, err
	}
	src.Databases[sqlstore.Database] = path
	if err := code.Link(ctx, src.Code); err != nil {
		return nil, err
	}
	path = filepath.Join(dir, sqlstore.Logs)
	written, err := st.BackupLogs(ctx, path)
	if err != nil {
		return nil, err
	}
	if written {
		src.Databases[sqlstore.Logs] = path
	}
	return func(ctx context.Context, w io.Writer) error { return archive.Write(ctx, w, src) }, nil
}

// receive has a serving engine send the backup.
func (v *backupVerb) receive(ctx context.Context, path string) (size int64, err error) {
	r, err := v.dial()
	if err != nil {
		return 0, err
	}
	r.patient()
	err = writeWhole(path, func(f *os.File) error {
		size, err = r.admin.Backup(ctx, f)
		if own, ours := errors.AsType[*fs.PathError](err); ours { // of the file, not of the engine
			return fileFault(path, own.Err)
		}
		return r.fault(ctx, err)
	})
	return size, err
}

// writeWhole makes a new file that is there only with all that write puts into
// it, safe on disk.
func writeWhole(path string, write func(*os.File) error) error {
	var own error // of write, which words it
	err := fresh.Write(path, 0o600, func(f *os.File) error {
		own = write(f)
		return own
	})
	if own != nil || err == nil {
		return own
	}
	return fileFault(path, err)
}

// fileFault is a problem with a file that we were to write.
func fileFault(path string, err error) error {
	return cli.Faultf("cannot write %s: %v", filepath.Clean(path), err)
}
