package host

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/internal/core/transfer"
	"github.com/perdure/perdure/internal/function/codestore"
	"github.com/perdure/perdure/protocol"
)

// Storage is where executions are kept: a directory, with SQLite inside, or a PostgreSQL, which the nodes of a fleet
// share. This file and those of the two kinds, directory.go and database.go, are all that knows the difference.
type Storage struct {
	// Dir is the directory. Beside a URL it holds what is one node's: builds, and the code that it fetched.
	Dir string
	// URL is that of a PostgreSQL. It may hold a password: [Storage.String] is for people.
	URL string
}

// IsURL reports whether a text is the URL of a PostgreSQL rather than the name of a directory.
func IsURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// String names the storage, without its secrets.
func (s Storage) String() string {
	if s.URL == "" {
		return s.Dir
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "the PostgreSQL" // the error has the URL, with the password
	}
	named := url.URL{Scheme: "postgres", Host: u.Host, Path: u.Path}
	if schema := u.Query().Get("schema"); schema != "" {
		named.RawQuery = url.Values{"schema": {schema}}.Encode()
	}
	return named.String()
}

// kept is a store that is open, with what hosts need of it beside the contract.
type kept interface {
	transfer.Target
	CountOpen(ctx context.Context) (map[protocol.ExecutionStatus]int64, error)

	// moment returns one moment of the store, for reading; the caller ends it.
	moment(ctx context.Context) (moment, error)
	// copyInto copies one moment of the store as databases of a directory into an empty one, and returns their paths by
	// their names.
	copyInto(ctx context.Context, dir string) (databases map[string]string, err error)
	// sweepCode removes code from what nodes share that no version needs; wanted is what some need for sure.
	sweepCode(ctx context.Context, code *codestore.Store, wanted func(hash string) bool) error
	// alone returns an error if an engine goes on with what is in the store, and otherwise something that is another
	// when one did so since.
	alone(ctx context.Context) (since string, err error)
}

// moment is one moment of a store.
type moment interface {
	store.Reader
	transfer.Source
	end()
}

// opening says how a storage is opened.
type opening struct {
	owner      string // is told to others who want the directory
	durability Durability
	log        *slog.Logger
	make       bool // also if there is nothing
}

// data is a storage that is open.
type data struct {
	kept
	at   Storage
	code *codestore.Store
	lock *sqlitestore.Lock // of the directory, if there is one; the store releases it, or end
	end  func()            // of what is beside the store, after that was closed; may be nil
}

// open opens a storage that must exist, unless it is to be made. Only one process has a directory open.
func (s Storage) open(ctx context.Context, o *opening) (*data, error) {
	d := &data{at: s}
	var err error
	if s.URL == "" {
		err = d.openDirectory(ctx, o)
	} else {
		err = d.openDatabase(ctx, o)
	}
	if err != nil {
		return nil, dataError(s, err)
	}
	return d, nil
}

// Close closes the store.
func (d *data) Close() error {
	err := d.kept.Close()
	if d.end != nil {
		d.end()
	}
	return err
}

// sweepCode removes code from what nodes share.
func (d *data) sweepCode(ctx context.Context, wanted func(hash string) bool) error {
	return d.kept.sweepCode(ctx, d.code, wanted)
}

// check refuses data of which not all has arrived, and unless moved is set, what was moved away.
func (d *data) check(ctx context.Context, moved bool) error {
	err := transfer.Check(ctx, d.kept)
	if _, isMoved := errors.AsType[*transfer.DepartedError](err); err == nil || moved && isMoved {
		return nil
	}
	return dataError(d.at, err)
}

// codeDir is the name of the directory of code in a data directory.
const codeDir = "code"

// codeIn is the path of the code in a data directory: absolute, since processes run there.
func codeIn(dir string) string {
	if absolute, err := filepath.Abs(dir); err == nil { // otherwise nothing works here
		dir = absolute
	}
	return filepath.Join(dir, codeDir)
}

// parent is where directories for a while are made.
func (s Storage) parent() string { return cmp.Or(s.Dir, os.TempDir()) }

// DefaultData is the default name of data directories.
const DefaultData = ".perdure"
