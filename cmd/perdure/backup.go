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
	"github.com/perdure/perdure/internal/files/fresh"
	"github.com/perdure/perdure/internal/host"
)

var backupCommand = &command{
	name:    "backup",
	args:    "FILE [--data DIR | --store URL]",
	summary: "copy everything that an engine has stored into one file",
	help: `
The copy is one moment of the engine, which goes on meanwhile; with --data that of
a directory whose engine does not run, and with --store that of a PostgreSQL, whose
engines may run. FILE, which must not exist, is a tar
archive: of the executions, of what functions wrote, and of the code of published
versions. What is not in it is made anew: builds, and the runtimes of languages.
"perdure restore" makes a data directory of it, or fills a PostgreSQL.

FILE holds payloads, and the key that callback ids are signed with: keep it as you
keep the data itself.`,
	verb: func() verb { return &backupVerb{} },
}

type backupVerb struct {
	remoteFlags
	storageFlags
}

func (v *backupVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	v.storageFlags.define(fs, "`DIR` that holds the data of an engine that does not run")
}

func (v *backupVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "backup", "a file"); err != nil {
		return err
	}
	path := args[0]
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cli.Usagef("%s exists already", path).Hintf("a backup replaces no file: choose another name")
	}
	size, err := v.backup(ctx, std, path)
	if err != nil {
		return err
	}
	if v.json {
		return json.NewEncoder(std.out).Encode(map[string]any{"File": path, "Bytes": size})
	}
	fmt.Fprintf(std.out, "%s\t%d bytes\n", path, size)
	return nil
}

// backup writes the file, which appears only if all went well.
func (v *backupVerb) backup(ctx context.Context, std *stdio, path string) (size int64, err error) {
	if !v.named() {
		return v.receive(ctx, path)
	}
	at, err := v.storage(std)
	if err != nil {
		return 0, err
	}
	err = writeWhole(path, func(f *os.File) error {
		err := host.Backup(ctx, at, f)
		if _, ok := errors.AsType[*host.DataError](err); ok {
			return err
		}
		if err != nil {
			return interruptedOr(ctx, fileFault(path, err))
		}
		size, err = f.Seek(0, io.SeekCurrent)
		return err
	})
	return size, err
}

// receive has a serving engine send the backup.
func (v *backupVerb) receive(ctx context.Context, path string) (size int64, err error) {
	r, err := v.dial()
	if err != nil {
		return 0, err
	}
	err = writeWhole(path, func(f *os.File) error {
		size, err = r.Backup(ctx, f)
		if own, ours := errors.AsType[*fs.PathError](err); ours { // of the file, not of the engine
			return fileFault(path, own.Err)
		}
		return r.fault(ctx, err)
	})
	return size, err
}

// writeWhole makes a new file that appears only with all its content, safe on disk.
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

// fileFault is a problem with a file that we write.
func fileFault(path string, err error) error {
	return cli.Faultf("cannot write %s: %v", filepath.Clean(path), err)
}
