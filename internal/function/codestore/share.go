package codestore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/perdure/perdure/internal/files/fresh"
)

// Depot is a place for files that several machines can reach. A file never changes. The methods may be called
// concurrently.
type Depot interface {
	// PutFile stores a file as a whole or not at all. One that is there stays as it is.
	PutFile(ctx context.Context, name string, content io.Reader) error
	// File returns the content of a file, which the caller closes, or an error if there is none.
	File(ctx context.Context, name string) (io.ReadCloser, error)
	FileNames(ctx context.Context) ([]string, error)
	// DeleteFile removes a file. An unknown one is no error.
	DeleteFile(ctx context.Context, name string) error
}

// NewShared returns the store in dir for one of several machines, which share their code by way of a depot: what one
// keeps is put there, packed, and the others fetch it when they first need it.
func NewShared(dir string, depot Depot) *Store {
	s := New(dir)
	s.depot = depot
	return s
}

// share puts code that is kept here into the depot, unless it is there.
func (s *Store) share(ctx context.Context, hash string) error {
	if s.depot == nil {
		return nil
	}
	names, err := s.depot.FileNames(ctx)
	if err != nil || slices.Contains(names, hash) {
		return err
	}
	t, err := look(Source{Path: filepath.Join(s.dir, hash)})
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(t.pack(ctx, w)) }()
	defer r.Close() // so that the packing ends
	return s.depot.PutFile(ctx, hash, r)
}

// Here returns nil if code is here, or can be fetched, as far as that is known without asking the depot.
func (s *Store) Here(hash string) error {
	if s.depot != nil && IsHash(hash) {
		return nil
	}
	_, err := s.Path(hash)
	return err
}

// Fetch returns the directory in which code is kept, as Path does, and fetches the code from the depot before if it is
// not here. Whoever asks for the same code meanwhile waits.
func (s *Store) Fetch(ctx context.Context, hash string) (string, error) {
	path, err := s.Path(hash)
	if err == nil || s.depot == nil || !IsHash(hash) {
		return path, err
	}
	done, err := s.begin(ctx, hash)
	if err != nil {
		return "", err
	}
	defer done()
	if path, err := s.Path(hash); err == nil {
		return path, nil // somebody was faster
	}
	if err := s.fetch(ctx, hash, s.place); err != nil {
		return "", err
	}
	return s.Path(hash)
}

// begin waits until nobody fetches the code, and keeps others from it until done is called.
func (s *Store) begin(ctx context.Context, hash string) (done func(), err error) {
	for {
		s.mu.Lock()
		others, busy := s.fetching[hash]
		if !busy {
			mine := make(chan struct{})
			s.fetching[hash] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.fetching, hash)
				close(mine)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-others:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// fetch unpacks code from the depot beside its place, compares it with its hash, and gives it to use.
func (s *Store) fetch(ctx context.Context, hash string, use func(dir string, code Code) error) error {
	file, err := s.depot.File(ctx, hash)
	if err != nil {
		return fmt.Errorf("its code is missing, here and in the store: %w", err)
	}
	defer file.Close()
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	temp, err := fresh.MakeDir(s.dir, copying, 0o700)
	if err != nil {
		return err
	}
	defer temp.Remove()
	dir := filepath.Join(temp.Path, "code")
	if err := unpack(ctx, file, dir); err != nil {
		return fmt.Errorf("its code in the store cannot be unpacked: %w", err)
	}
	code, err := digestOf(ctx, dir)
	if err == nil && code.Hash != hash {
		err = fmt.Errorf("its code in the store is damaged: it has the hash %s", code.Hash)
	}
	if err != nil {
		return err
	}
	return use(dir, code)
}

func digestOf(ctx context.Context, dir string) (Code, error) {
	t, err := look(Source{Path: dir})
	if err != nil {
		return Code{}, err
	}
	return t.digest(ctx)
}

// verifyShared checks the code in the depot.
func (s *Store) verifyShared(ctx context.Context, hash string) error {
	return s.fetch(ctx, hash, func(string, Code) error { return nil })
}

// Export puts all code, that of the depot included, into the directory to, unless it is there. Code that is removed
// meanwhile may be missing.
func (s *Store) Export(ctx context.Context, to string) error {
	if err := s.link(ctx, to); err != nil || s.depot == nil {
		return err
	}
	names, err := s.depot.FileNames(ctx)
	if err != nil {
		return err
	}
	for _, hash := range names {
		if _, err := os.Lstat(filepath.Join(to, hash)); err == nil || !IsHash(hash) {
			continue
		}
		if err := os.MkdirAll(to, 0o700); err != nil {
			return err
		}
		err := s.fetch(ctx, hash, func(dir string, _ Code) error { return os.Rename(dir, filepath.Join(to, hash)) })
		if err != nil && s.isShared(ctx, hash) {
			return fmt.Errorf("%s: %w", hash, err)
		}
	}
	return nil
}

// isShared reports whether the depot has the code. If that cannot be said, it has.
func (s *Store) isShared(ctx context.Context, hash string) bool {
	names, err := s.depot.FileNames(ctx)
	return err != nil || slices.Contains(names, hash)
}

// Import keeps all code of a directory of this package, which is another store's.
func (s *Store) Import(ctx context.Context, from string) (pieces int, err error) {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		if !e.IsDir() || !IsHash(e.Name()) {
			continue
		}
		code, keepErr := s.Keep(ctx, Source{Path: filepath.Join(from, e.Name())})
		if keepErr == nil && code.Hash != e.Name() {
			keepErr = fmt.Errorf("the code in %s is damaged: it has the hash %s", filepath.Join(from, e.Name()),
				code.Hash)
		}
		if keepErr != nil {
			return pieces, keepErr
		}
		pieces++
	}
	return pieces, err
}

// Shared returns the hashes of all code in the depot.
func (s *Store) Shared(ctx context.Context) ([]string, error) {
	names, err := s.depot.FileNames(ctx)
	return slices.DeleteFunc(names, func(name string) bool { return !IsHash(name) }), err
}

// SweepShared removes code from the depot that is not to be kept. Nobody may put any there meanwhile.
func (s *Store) SweepShared(ctx context.Context, keep func(hash string) bool) error {
	hashes, err := s.Shared(ctx)
	for _, hash := range hashes {
		if !keep(hash) {
			err = cmp.Or(err, s.depot.DeleteFile(ctx, hash))
		}
	}
	return err
}
