package adminapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/perdure/perdure/internal/files/fresh"
	"github.com/perdure/perdure/protocol"
)

// Backups makes copies of the engine's data for the API.
type Backups struct {
	// Dir holds copies while they are sent, in directories of their own.
	Dir string
	// Make makes a consistent copy in an empty directory, and returns a function that writes it as one file: the
	// same bytes each time.
	Make func(ctx context.Context, dir string) (write func(context.Context, io.Writer) error, err error)

	mu sync.Mutex // held while a backup is made and sent
}

// HashHeader holds the SHA-256 of the answer's body in hexadecimal.
const HashHeader = "X-Perdure-Sha256"

func (a *api) backup(w http.ResponseWriter, r *http.Request, _ string) error {
	b := a.opts.Backups
	if b == nil {
		return protocol.Errorf(protocol.CodeInvalidParameter, "This engine's store makes no backups.")
	}
	if !b.mu.TryLock() {
		return protocol.Errorf(protocol.CodeTooManyRequests, "A backup is being made already.")
	}
	defer b.mu.Unlock()
	if err := fresh.Sweep(b.Dir, copying); err != nil { // of an engine that was killed meanwhile
		return err
	}
	dir, err := fresh.MakeDir(b.Dir, copying, 0o700)
	if err != nil {
		return err
	}
	defer dir.Remove()
	write, err := b.Make(r.Context(), dir.Path)
	if err != nil {
		return err
	}
	return send(r.Context(), w, write)
}

// copying begins the names of directories with copies.
const copying = "backup-"

// send answers with a file and its hash.
func send(ctx context.Context, w http.ResponseWriter, write func(context.Context, io.Writer) error) error {
	file := measured{hash: sha256.New()}
	if err := write(ctx, &file); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-tar")
	w.Header().Set("Content-Length", strconv.FormatInt(file.size, 10))
	w.Header().Set(HashHeader, hex.EncodeToString(file.hash.Sum(nil)))
	_ = write(ctx, w) // a failure means that the client is gone, or finds the file cut off
	return nil
}

// measured is the size and hash of what was written.
type measured struct {
	hash hash.Hash
	size int64
}

func (m *measured) Write(b []byte) (int, error) {
	m.size += int64(len(b))
	return m.hash.Write(b)
}
