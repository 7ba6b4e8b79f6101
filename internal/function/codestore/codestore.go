// Package codestore keeps the code of published function versions: files and directories, copied as they are, each
// under the hash of what is in it.
//
//	DIR/3f9c…/bootstrap      the code of a function in Go
//	DIR/81d0…/app.py, …      that of a function in Python
//	DIR/copying-…            a copy that is being made
//
// The nodes of a fleet have a directory each, and share their code by way of the fleet's store: see [NewShared].
//
// A copy is made beside its place, put on the disk and then renamed, so that code is there as a whole or not at
// all. Versions of the same code share it, also those of different functions.
//
// What is hashed and copied are names, contents and whether a file can be executed. Symbolic links stay links if
// they lead to a place in the same directory; what others lead to, such as packages that are installed elsewhere,
// is copied. Directories that hold caches and histories (.git, __pycache__) are no part of the code.
package codestore

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/files/fresh"
)

// MaxSize bounds a piece of code, in bytes: as on Lambda, which counts it unpacked.
const MaxSize = 250 << 20

// Store is a directory of code. Its methods may be called concurrently, but a
// Sweep must not run beside a Keep whose code it would remove.
type Store struct {
	dir   string
	depot Depot // nil if all code is here

	mu       sync.Mutex
	hashes   map[string]hashed        // by path of the source
	fetching map[string]chan struct{} // by hash; closed when it is done
}

// New returns the store in dir, which is made when something is kept.
func New(dir string) *Store {
	return &Store{dir: dir, hashes: map[string]hashed{}, fetching: map[string]chan struct{}{}}
}

// Source is code where its owner changes it.
type Source struct {
	Path string // of a file, or of a directory
	// Except is a directory that is left out if it is below Path.
	Except string
}

// Code is a piece of code as it was at one moment.
type Code struct {
	Hash string // SHA-256 of all that is in it, in hexadecimal
	Size int64  // of its files, in bytes
}

// Base64 is the hash as Lambda writes hashes.
func (c Code) Base64() string {
	raw, err := hex.DecodeString(c.Hash)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// Path returns the directory in which code is kept; the file of a source that
// was a file lies in it. It fails if there is no such code here.
func (s *Store) Path(hash string) (string, error) {
	if !IsHash(hash) {
		return "", fmt.Errorf("%q names no code", hash)
	}
	path := filepath.Join(s.dir, hash)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("its code is missing: there is no %s", path)
	case err != nil:
		return "", fmt.Errorf("its code cannot be read: %w", err)
	case !info.IsDir():
		return "", fmt.Errorf("its code is missing: %s is no directory", path)
	}
	return path, nil
}

// IsHash reports whether s can name code.
func IsHash(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32 && s == strings.ToLower(s)
}

const copying = "copying-"

// maxTries bounds how often code is copied that changes under the copy.
const maxTries = 3

var errChanging = errors.New("it changes while it is copied: try again when nothing writes to it")

// Keep copies a source into the store, unless it is there, and returns when it is on the disk, and in the depot if the
// store is shared.
func (s *Store) Keep(ctx context.Context, src Source) (Code, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return Code{}, err
	}
	temp, err := fresh.MakeDir(s.dir, copying, 0o700)
	if err != nil {
		return Code{}, err
	}
	defer temp.Remove()
	for try := 1; ; try++ {
		copied := filepath.Join(temp.Path, strconv.Itoa(try))
		code, stamp, err := copyOnce(ctx, src, copied)
		switch {
		case err == nil:
			s.remember(src, stamp, code)
			if err := s.place(copied, code); err != nil {
				return code, err
			}
			return code, s.share(ctx, code.Hash)
		case !errors.Is(err, errChanging) || try == maxTries:
			return Code{}, fmt.Errorf("copying %s: %w", src.Path, err)
		}
	}
}

// copyOnce copies a source, unless somebody writes to it meanwhile.
func copyOnce(ctx context.Context, src Source, to string) (code Code, stamp string, err error) {
	before, err := look(src)
	if err != nil {
		return Code{}, "", err
	}
	code, err = before.copy(ctx, to)
	if errors.Is(err, fs.ErrNotExist) {
		return Code{}, "", errChanging
	}
	if err != nil {
		return Code{}, "", err
	}
	stamp = before.stamp()
	after, err := look(src)
	if err != nil || after.stamp() != stamp {
		return Code{}, "", errChanging
	}
	return code, stamp, nil
}

// place puts a copy on the disk and then where it belongs.
func (s *Store) place(copied string, code Code) error {
	place := filepath.Join(s.dir, code.Hash)
	if _, err := os.Stat(place); err == nil {
		return nil
	}
	if err := flush(copied); err != nil {
		return err
	}
	err := os.Rename(copied, place)
	if _, there := os.Stat(place); err != nil && there == nil {
		return nil // somebody was faster
	}
	if err != nil {
		return err
	}
	return fresh.Flush(s.dir)
}

// Sweep removes code that is not to be kept, and copies that were never finished. Code loses its name first: what
// is left of it when its removal breaks off must not be taken for the whole.
func (s *Store) Sweep(keep func(hash string) bool) error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() && IsHash(name) && !keep(name) {
			errs = append(errs, s.remove(name))
		}
	}
	errs = append(errs, fresh.Sweep(s.dir, copying))
	return errors.Join(errs...)
}

func (s *Store) remove(hash string) error {
	doomed, err := fresh.MakeDir(s.dir, copying, 0o700)
	if err != nil {
		return err
	}
	err = os.Rename(filepath.Join(s.dir, hash), filepath.Join(doomed.Path, hash))
	return errors.Join(err, doomed.Remove())
}

// trusted is for how long a hash is told without another look at the source, which may have many files.
const trusted = 2 * time.Second

// hashed is a code's hash as long as its source is not written to.
type hashed struct {
	stamp  string
	code   Code
	looked time.Time
}

// Hash returns the code that Keep would keep, now or a moment ago. A source that
// nobody wrote to since the last time is not read again.
func (s *Store) Hash(ctx context.Context, src Source) (Code, error) {
	known := s.known(src)
	if time.Since(known.looked) < trusted {
		return known.code, nil
	}
	t, err := look(src)
	if err != nil {
		return Code{}, err
	}
	stamp := t.stamp()
	if known.stamp != stamp {
		if known.code, err = t.digest(ctx); err != nil {
			return Code{}, err
		}
	}
	s.remember(src, stamp, known.code)
	return known.code, nil
}

func (s *Store) known(src Source) hashed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hashes[src.Path]
}

func (s *Store) remember(src Source, stamp string, code Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashes[src.Path] = hashed{stamp, code, time.Now()}
}
