package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// dataFault words an error of opening or using the data directory dir.
func dataFault(dir string, err error) error {
	const other = "choose another directory with --data"
	locked, isLocked := errors.AsType[*store.LockedError](err)
	switch {
	case isLocked:
		return lockedFault(dir, locked.Owner)
	case errors.Is(err, store.ErrCorrupt):
		return cli.Faultf("the database in %s is damaged", dir).
			Hintf("restore the directory from a backup, or move it away to begin anew; or %s", other)
	case errors.Is(err, store.ErrDisk):
		return cli.Faultf("the disk of %s fails: %v", dir, err).
			Hintf("look for its errors in the log of the system; perdure verify --data %s tells whether the database is damaged", dir)
	case errors.Is(err, store.ErrFull), errors.Is(err, syscall.ENOSPC):
		return cli.Faultf("the disk of %s is full", dir).
			Hintf("free some space and run the same command again; what was acknowledged is safe")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return cli.Faultf("%s cannot be written: %v", dir, err).Hintf("%s", other)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return cli.Faultf("%s is not a directory", dir).Hintf("%s", other)
	}
	return cli.Faultf("cannot use %s: %v", dir, err).Hintf("%s", other)
}

// lockedFault words that the engine owner has dir open: with its process id and
// the address of its Lambda API, if it wrote them down.
func lockedFault(dir, owner string) error {
	p := cli.Faultf("%s is in use by another engine", dir)
	if owner != "" {
		p.Message += " (" + owner + ")"
	}
	if url := urlPattern.FindString(owner); url != "" {
		p.Hintf("use that engine: perdure invoke FUNCTION --event FILE --endpoint %s", url)
	}
	var pid int
	if n, _ := fmt.Sscanf(owner, "pid %d", &pid); n == 1 {
		return p.Hintf("or stop it with kill %d, which loses nothing; or choose another directory with --data", pid)
	}
	return p.Hintf("stop it, or choose another directory with --data")
}

// engineFault words an error of the engine with its data in dir.
func engineFault(dir string, err error) error {
	if refused, ok := errors.AsType[*protocol.Error](err); ok {
		return cli.Faultf("the engine refused: %s", refused.Message)
	}
	return dataFault(dir, err)
}

// refusal returns the engine's refusal in err, if it is one.
func refusal(err error, code protocol.Code) (*protocol.Error, bool) {
	e, ok := errors.AsType[*protocol.Error](err)
	return e, ok && e.Code == code
}

// nameTaken is the problem of a start whose name belongs to another event.
func nameTaken(name string) error {
	return cli.Faultf("execution %q was already started with another payload", name).
		Hintf("choose another --name, or give the event with which it was started")
}
