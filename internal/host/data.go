package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/internal/files/archive"
	"github.com/perdure/perdure/internal/files/fresh"
	"github.com/perdure/perdure/internal/function/codestore"
)

// DataError says why a data directory cannot be used.
type DataError struct {
	Dir   string
	Kind  DataKind
	Owner string // of a directory in use, as the owner calls itself; may be empty
	Found string // a name in a directory that should be empty
	Err   error  // of the system or the store; may be nil
}

// DataKind is a kind of [DataError].
type DataKind int

const (
	Unusable     DataKind = iota // only Err says why
	InUse                        // by another engine
	Damaged                      // the database is
	DiskFails                    // reads or writes fail
	DiskFull                     // there is no space left
	NotWritable                  // we may not write
	NotDirectory                 // it is something else
	NoData                       // it holds no data of an engine
	HasData                      // it holds data, and should be empty
	NotEmpty                     // it holds something else, and should be empty
	Incomplete                   // a restore into it was interrupted
)

// dataTexts word the kinds, with $D for the directory, $E for Err and $F for Found.
var dataTexts = [...]string{
	Unusable: "cannot use $D: $E", InUse: "$D is in use by another engine", Damaged: "the database in $D is damaged",
	DiskFails: "the disk of $D fails: $E", DiskFull: "the disk of $D is full", NotWritable: "$D cannot be written: $E",
	NotDirectory: "$D is not a directory", NoData: "$D holds no data of an engine", HasData: "$D holds data already",
	NotEmpty: "$D is not empty: it holds $F", Incomplete: "$D is incomplete: a restore into it was interrupted",
}

func (e *DataError) Error() string {
	text := strings.NewReplacer("$D", e.Dir, "$E", fmt.Sprint(e.Err), "$F", e.Found).Replace(dataTexts[e.Kind])
	if e.Owner != "" {
		text += " (" + e.Owner + ")"
	}
	return text
}

// Unwrap returns the error of the system or the store.
func (e *DataError) Unwrap() error { return e.Err }

// dataError is an error of opening or using the data directory dir.
func dataError(dir string, err error) error {
	e := &DataError{Dir: dir, Err: err}
	locked, isLocked := errors.AsType[*store.LockedError](err)
	switch {
	case isLocked:
		e.Kind, e.Owner = InUse, locked.Owner
	case errors.Is(err, store.ErrCorrupt):
		e.Kind = Damaged
	case errors.Is(err, store.ErrDisk):
		e.Kind = DiskFails
	case errors.Is(err, store.ErrFull), errors.Is(err, syscall.ENOSPC):
		e.Kind = DiskFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e.Kind = NotWritable
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		e.Kind = NotDirectory
	}
	return e
}

// DataFile is the name of the database, by which a data directory is known.
const DataFile = sqlitestore.Database

// openData opens the store in a directory that must hold one. owner is told to others who want it, too.
func openData(ctx context.Context, dir, owner string) (*sqlitestore.Store, error) {
	if _, err := os.Stat(filepath.Join(dir, sqlitestore.Database)); err != nil {
		return nil, &DataError{Dir: dir, Kind: NoData, Err: err}
	}
	st, err := sqlitestore.Open(ctx, dir, &sqlitestore.Options{Owner: owner})
	if err != nil {
		return nil, dataError(dir, err)
	}
	return st, nil
}

// Verify checks the data in dir, and the code beside it, while no engine runs there; found is called for each
// problem.
func Verify(ctx context.Context, dir string, found func(engine.Problem)) (engine.VerifySummary, error) {
	st, err := openData(ctx, dir, "perdure verify")
	if err != nil {
		return engine.VerifySummary{}, err
	}
	defer st.Close()
	return verifyData(ctx, st, dir, found)
}

func verifyData(ctx context.Context, st *sqlitestore.Store, dir string,
	found func(engine.Problem)) (engine.VerifySummary, error) {
	summary, err := engine.VerifyStore(ctx, st, codeOf{codestore.New(filepath.Join(dir, codeDir))}, found)
	if err != nil {
		return summary, dataError(dir, err)
	}
	return summary, nil
}

// Backup writes all data in dir while no engine runs there.
func Backup(ctx context.Context, dir string, w io.Writer) error {
	st, err := openData(ctx, dir, "perdure backup")
	if err != nil {
		return err
	}
	defer st.Close()
	if err := fresh.Sweep(dir, "backup-"); err != nil {
		return dataError(dir, err)
	}
	to, err := fresh.MakeDir(dir, "backup-", 0o700)
	if err != nil {
		return dataError(dir, err)
	}
	defer to.Remove()
	write, err := copyData(ctx, st, codestore.New(filepath.Join(dir, codeDir)), to.Path)
	if err != nil {
		return err
	}
	return write(ctx, w)
}

// copyData copies an engine's data, as of one moment, into the empty directory dir, and returns a function that
// writes the copy as an archive. It reads the code before and after, as versions may come and go.
func copyData(
	ctx context.Context, st *sqlitestore.Store, code *codestore.Store, dir string,
) (func(context.Context, io.Writer) error, error) {
	src := &archive.Source{Databases: map[string]string{}, Code: filepath.Join(dir, codeDir)}
	if err := code.Export(ctx, src.Code); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, sqlitestore.Database)
	if err := st.Backup(ctx, path); err != nil {
		return nil, err
	}
	src.Databases[sqlitestore.Database] = path
	if err := code.Export(ctx, src.Code); err != nil {
		return nil, err
	}
	path = filepath.Join(dir, sqlitestore.Logs)
	written, err := st.BackupLogs(ctx, path)
	if err != nil {
		return nil, err
	}
	if written {
		src.Databases[sqlitestore.Logs] = path
	}
	return func(ctx context.Context, w io.Writer) error { return archive.Write(ctx, w, src) }, nil
}

// ErrNoBackup says that a file is not a [Backup].
var ErrNoBackup = archive.ErrForeign

// Restored counts what was restored.
type Restored struct {
	engine.VerifySummary
	Code int // pieces of code of published versions
}

// Restore makes a data directory from a backup, and verifies it; found is called for each problem. Until it returns
// nobody else has the directory, which must be empty or missing; after a refusal nothing is left there.
func Restore(ctx context.Context, dir string, backup io.ReadSeeker, found func(engine.Problem)) (*Restored, error) {
	const owner = "perdure restore"
	if err := archive.Recognize(backup); err != nil {
		return nil, err
	}
	if _, err := backup.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	lock, err := sqlitestore.TakeLock(dir, owner)
	if err != nil {
		return nil, dataError(dir, err)
	}
	unpacked, err := unpack(ctx, dir, backup)
	if err != nil {
		lock.Release()
		return nil, err
	}
	st, err := sqlitestore.Open(ctx, dir, &sqlitestore.Options{Owner: owner, Lock: lock})
	if err != nil {
		return nil, dataError(dir, err)
	}
	defer st.Close()
	summary, err := verifyData(ctx, st, dir, found)
	return &Restored{summary, unpacked.Code}, err
}

// unpack unpacks a backup into the directory, which is locked.
func unpack(ctx context.Context, dir string, backup io.Reader) (*archive.Restored, error) {
	if err := checkRestored(dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, dataError(dir, err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == sqlitestore.LockFile:
		case strings.HasPrefix(name, sqlitestore.Database):
			return nil, &DataError{Dir: dir, Kind: HasData, Found: name}
		default:
			return nil, &DataError{Dir: dir, Kind: NotEmpty, Found: name}
		}
	}
	restored, err := archive.Restore(ctx, backup, dir, &archive.Options{
		Databases: []string{sqlitestore.Database, sqlitestore.Logs},
		Check: func(r io.ReaderAt) error {
			if !sqlitestore.IsDatabase(r) {
				return errors.New("it is no database of an engine")
			}
			return nil
		},
	})
	if err == nil {
		err = fresh.Flush(filepath.Dir(filepath.Clean(dir)))
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, fs.ErrPermission) {
		return nil, dataError(dir, err)
	}
	return restored, err
}

// checkRestored refuses a directory with an interrupted restore: its data is incomplete, and an engine would begin
// there with nothing.
func checkRestored(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, archive.Partial(sqlitestore.Database))); err != nil {
		return nil
	}
	return &DataError{Dir: dir, Kind: Incomplete}
}
