package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/internal/cli"
)

var backupCommand = &command{
	name:    "backup",
	args:    "FILE [--data DIR]",
	summary: "copy everything that an engine has stored into one file",
	help: `
The copy is one moment of the engine, which goes on meanwhile; with --data that of
a directory whose engine does not run. FILE, which must not exist, is an SQLite
database. "perdure restore" makes a data directory of it. What functions wrote is
not in it.

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
	if err := st.Backup(ctx, path); err != nil {
		return 0, interruptedOr(ctx, fileFault(path, err))
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, fileFault(path, err)
	}
	return info.Size(), nil
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
		return r.fault(ctx, err)
	})
	return size, err
}

// writeWhole makes a file that is there only with all that write puts into it,
// safe on disk.
func writeWhole(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path+".partial", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fileFault(path, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fileFault(path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fileFault(path, err)
	}
	return nil
}

// fileFault is a problem with a file that we were to write.
func fileFault(path string, err error) error {
	return cli.Faultf("cannot write %s: %v", filepath.Clean(path), err)
}
