package host

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/transfer"
)

// DataError says why a storage cannot be used.
type DataError struct {
	At    Storage
	Kind  DataKind
	Owner string // of a storage in use, as the owner calls itself; may be empty
	Found string // a name in a directory that should be empty
	To    string // where the data goes on that was moved away
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
	Incomplete                   // a restore or a move into it was interrupted
	Moved                        // its data goes on elsewhere
	Itself                       // it is to be moved to itself
)

// dataTexts word the kinds, with $D for the storage, $E for Err, $F for Found and $T for To.
var dataTexts = [...]string{
	Unusable: "cannot use $D: $E", InUse: "$D is in use by another engine", Damaged: "the database in $D is damaged",
	DiskFails: "the disk of $D fails: $E", DiskFull: "the disk of $D is full", NotWritable: "$D cannot be written: $E",
	NotDirectory: "$D is not a directory", NoData: "$D holds no data of an engine", HasData: "$D holds data already",
	NotEmpty:   "$D is not empty: it holds $F",
	Incomplete: "$D is incomplete: a restore or a move into it was interrupted",
	Moved:      "what was in $D was moved to $T", Itself: "$D cannot be moved to itself",
}

func (e *DataError) Error() string {
	text := strings.NewReplacer("$D", e.At.String(), "$E", fmt.Sprint(e.Err), "$F", e.Found, "$T", e.To).
		Replace(dataTexts[e.Kind])
	if e.Owner != "" {
		text += " (" + e.Owner + ")"
	}
	return text
}

// Unwrap returns the error of the system or the store.
func (e *DataError) Unwrap() error { return e.Err }

// dataError is an error of opening or using a storage.
func dataError(at Storage, err error) error {
	if _, said := errors.AsType[*DataError](err); said {
		return err
	}
	e := &DataError{At: at, Err: err}
	locked, isLocked := errors.AsType[*store.LockedError](err)
	moved, isMoved := errors.AsType[*transfer.DepartedError](err)
	switch {
	case isLocked:
		e.Kind, e.Owner = InUse, locked.Owner
		if locked.Path != "" {
			e.At.URL = "" // the lock is the directory's
		}
	case isMoved:
		e.Kind, e.To = Moved, moved.To
	case errors.Is(err, transfer.ErrIncomplete):
		e.Kind = Incomplete
	case errors.Is(err, transfer.ErrNotEmpty):
		e.Kind = HasData
	case errors.Is(err, store.ErrCorrupt):
		e.Kind = Damaged
	case errors.Is(err, store.ErrDisk):
		e.Kind = DiskFails
	case errors.Is(err, store.ErrFull), errors.Is(err, syscall.ENOSPC):
		e.Kind = DiskFull
	case at.URL != "" && !isOfFiles(err): // its errors say where, and what to do
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e.Kind = NotWritable
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		e.Kind = NotDirectory
	}
	return e
}

// isOfFiles reports whether an error is one of the local directory beside a database.
func isOfFiles(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok
}
