package host

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/internal/files/archive"
	"github.com/perdure/perdure/internal/files/fresh"
	"github.com/perdure/perdure/internal/function/codestore"
)

// Durability says what work in a directory survives that was acknowledged; the zero value survives the loss of power.
type Durability = sqlitestore.Durability

// DataFile is the name of the database, by which a data directory is known.
const DataFile = sqlitestore.Database

// directory is a store in a data directory, which nobody else has open.
type directory struct{ *sqlitestore.Store }

func (d *data) openDirectory(ctx context.Context, o *opening) error {
	dir := d.at.Dir
	_, err := os.Stat(dir)
	made := err != nil
	if !o.make {
		if err := d.at.checkHolds(); err != nil {
			return err
		}
	}
	if err := d.lockDirectory(o.owner); err != nil {
		return err
	}
	if err := checkRestored(dir); err != nil { // we have the lock, so no restore is running
		d.lock.Release()
		return err
	}
	if err := d.openLocked(ctx, o); err != nil {
		return err
	}
	if made || filepath.Base(dir) == DefaultData {
		hideFromGit(dir)
	}
	return nil
}

// openLocked opens the store in a directory that is locked. It releases the lock if it fails.
func (d *data) openLocked(ctx context.Context, o *opening) error {
	st, err := sqlitestore.Open(ctx, d.at.Dir, &sqlitestore.Options{
		Durability: o.durability, Owner: o.owner, Logger: o.log, Lock: d.lock,
	})
	if err != nil {
		return err
	}
	d.kept, d.code = directory{st}, codestore.New(codeIn(d.at.Dir))
	return nil
}

// checkHolds refuses a directory without a database.
func (s Storage) checkHolds() error {
	if _, err := os.Stat(filepath.Join(s.Dir, sqlitestore.Database)); err != nil {
		return &DataError{At: s, Kind: NoData, Err: err}
	}
	return nil
}

// lockDirectory keeps the directory to this process; owner is told to others who want it.
func (d *data) lockDirectory(owner string) (err error) {
	d.lock, err = sqlitestore.TakeLock(d.at.Dir, owner)
	return err
}

func (s directory) moment(context.Context) (moment, error) { return still{s}, nil }

// still is a store that nobody writes to: one moment of itself.
type still struct{ directory }

func (still) end() {}

func (s directory) copyInto(ctx context.Context, dir string) (map[string]string, error) {
	databases := map[string]string{sqlitestore.Database: filepath.Join(dir, sqlitestore.Database)}
	if err := s.Backup(ctx, databases[sqlitestore.Database]); err != nil {
		return nil, err
	}
	logs := filepath.Join(dir, sqlitestore.Logs)
	written, err := s.BackupLogs(ctx, logs)
	if written {
		databases[sqlitestore.Logs] = logs
	}
	return databases, err
}

// sweepCode has nothing to do: nobody shares a directory.
func (directory) sweepCode(context.Context, *codestore.Store, func(string) bool) error { return nil }

// alone has nothing to look for: whoever has the directory open has its lock.
func (directory) alone(context.Context) (string, error) { return "", nil }

// unpack unpacks a backup into the directory, which is locked, and must be empty otherwise.
func (s Storage) unpack(ctx context.Context, backup io.Reader) (*archive.Restored, error) {
	if err := s.checkEmpty(); err != nil {
		return nil, err
	}
	restored, err := archive.Restore(ctx, backup, s.Dir, &archive.Options{
		Databases: []string{sqlitestore.Database, sqlitestore.Logs},
		Check: func(r io.ReaderAt) error {
			if !sqlitestore.IsDatabase(r) {
				return errors.New("it is no database of an engine")
			}
			return nil
		},
	})
	if err == nil {
		err = fresh.Flush(filepath.Dir(filepath.Clean(s.Dir)))
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, fs.ErrPermission) {
		return nil, dataError(s, err)
	}
	return restored, err
}

// checkEmpty refuses a directory with anything in it but the lock.
func (s Storage) checkEmpty() error {
	if err := checkRestored(s.Dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return dataError(s, err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == sqlitestore.LockFile:
		case strings.HasPrefix(name, sqlitestore.Database):
			return &DataError{At: s, Kind: HasData, Found: name}
		default:
			return &DataError{At: s, Kind: NotEmpty, Found: name}
		}
	}
	return nil
}

// checkRestored refuses a directory with an interrupted restore: its data is incomplete, and an engine would begin
// there with nothing.
func checkRestored(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, archive.Partial(sqlitestore.Database))); err != nil {
		return nil
	}
	return &DataError{At: Storage{Dir: dir}, Kind: Incomplete}
}

// hideFromGit keeps a data directory, which must be nothing but that, out of its repository. A courtesy: the engine
// works without it.
func hideFromGit(dir string) {
	f, err := os.OpenFile(filepath.Join(dir, ".gitignore"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString("*\n")
}
