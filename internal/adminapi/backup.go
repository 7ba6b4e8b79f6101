package adminapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/perdure/perdure/internal/wire"
)

// Backups is where the API gets copies of the engine's data from.
type Backups struct {
	// Dir is where a copy stands while it is sent: a directory that nobody
	// else uses, and which is made and removed as needed.
	Dir string
	// Make writes a consistent copy into a new file.
	Make func(ctx context.Context, path string) error

	mu sync.Mutex // held while a backup is made and sent
}

// hashHeader holds the SHA-256 of the answer's body in hexadecimal.
const hashHeader = "X-Perdure-Sha256"

var backupRoutes = []route{
	{"POST", "/perdure/backup", (*api).backup},
}

func (a *api) backup(w http.ResponseWriter, r *http.Request, _ string) error {
	b := a.opts.Backups
	if b == nil {
		return wire.Errorf(wire.CodeInvalidParameter, "This engine's store makes no backups.")
	}
	if !b.mu.TryLock() {
		return wire.Errorf(wire.CodeTooManyRequests, "A backup is being made already.")
	}
	defer b.mu.Unlock()
	if err := os.RemoveAll(b.Dir); err != nil { // of an engine that was killed meanwhile
		return err
	}
	if err := os.Mkdir(b.Dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(b.Dir)
	path := filepath.Join(b.Dir, "backup.db")
	if err := b.Make(r.Context(), path); err != nil {
		return err
	}
	return send(w, path)
}

// send answers with a file and its hash.
func send(w http.ResponseWriter, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, f)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/vnd.sqlite3")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.Header().Set(hashHeader, hex.EncodeToString(hash.Sum(nil)))
	_, _ = io.Copy(w, f) // a failure means that the client is gone
	return nil
}

// Backup writes a consistent copy of the engine's data to w: an SQLite
// database. It returns the size. What arrives otherwise than it was sent is an
// error.
func (c *Client) Backup(ctx context.Context, w io.Writer) (int64, error) {
	resp, err := c.send(ctx, "POST", "/perdure/backup", nil, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(w, hash), resp.Body)
	if err != nil {
		return size, fmt.Errorf("receiving the backup: %w", err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != resp.Header.Get(hashHeader) {
		return size, fmt.Errorf("the backup arrived damaged: its hash is %s, and was %s", got, resp.Header.Get(hashHeader))
	}
	return size, nil
}
