package durable

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Store keeps values that are too large for the history; see [Offload]. Keys
// have letters, digits, '-', '_' and '/' only, and at most 200 bytes. An
// implementation is used by many goroutines at once. An error that another try
// may not meet wraps [ErrUnavailable].
type Store interface {
	// Put stores data under a key. The same key always has the same data, so a
	// value that is there already may be kept or replaced. When it returns
	// nil, the data is durable: the history will point to it.
	Put(ctx context.Context, key string, data []byte) error
	// Get returns what was stored under a key, whatever invocation did that;
	// absence is an error.
	Get(ctx context.Context, key string) ([]byte, error)
}

// Offload is a [Serdes] that keeps large values in a [Store] and records where
// they are. Give it to a handler, for all its operations, or to one operation:
//
//	durable.Start(handler, durable.WithSerdes(durable.Offload{Store: durable.DirStore("/mnt/values")}))
//
// What is recorded of a large value is one line of text: its digest, its size
// and its key. A value is stored before it is recorded, so a crash may leave one
// that nothing points to; nothing is deleted, because only the store's owner
// knows for how long executions are kept. A value that is missing on replay, or
// not what was stored, fails the execution with a [*SerdesError]. A store that is
// out of reach ends the invocation, and the service makes another.
//
// A value that was recorded without Offload, by its inner Serdes, is read as
// ever, so it may be added while executions are under way; to take it away,
// let those finish.
type Offload struct {
	Store Store
	// Over is the size in bytes up to which values are recorded themselves; 0
	// is 256 KiB, above which the results of child contexts would not be, and
	// with -1 every value is stored.
	Over int
	// Serdes encodes the values; nil is [JSON].
	Serdes Serdes
	// Preview, if set, says in a few words what a stored value is, for people
	// who read the history; see [PreviewJSON]. It is recorded as it is, so it
	// must not tell what the history may not know; it is cut at 4 KiB. Replay
	// ignores it.
	Preview func(v any) string
}

// Marshal implements [Serdes].
func (o Offload) Marshal(ctx context.Context, v any) ([]byte, error) {
	if o.Store == nil {
		return nil, errNoStore
	}
	data, err := o.inner().Marshal(ctx, v)
	if err != nil || len(data) <= o.limit() && !bytes.HasPrefix(data, []byte(referencePrefix)) {
		return data, err
	}
	ref := newReference(ctx, data)
	if err := o.Store.Put(ctx, ref.key, data); err != nil {
		return nil, fmt.Errorf("storing %s: %w", ref.key, err)
	}
	if o.Preview != nil {
		return []byte(ref.String() + "\n" + shorten(validText(o.Preview(v)), maxPreview)), nil
	}
	return []byte(ref.String()), nil
}

// maxPreview bounds what is recorded of a value beside its reference, in bytes.
const maxPreview = 4 << 10

// Unmarshal implements [Serdes].
func (o Offload) Unmarshal(ctx context.Context, data []byte, v any) error {
	if !bytes.HasPrefix(data, []byte(referencePrefix)) {
		return o.inner().Unmarshal(ctx, data, v)
	}
	ref, err := parseReference(string(data))
	if err != nil {
		return err
	}
	if o.Store == nil {
		return errNoStore
	}
	stored, err := o.Store.Get(ctx, ref.key)
	if err != nil {
		return fmt.Errorf("fetching %s: %w", ref.key, err)
	}
	if digest(stored) != ref.digest {
		return fmt.Errorf("the store has something else under %s: %d bytes, and not the %d that were put there", ref.key, len(stored), ref.size)
	}
	return o.inner().Unmarshal(ctx, stored, v)
}

var errNoStore = errors.New("Offload.Store is nil")

func (o Offload) inner() Serdes {
	if o.Serdes == nil {
		return JSON
	}
	return o.Serdes
}

func (o Offload) limit() int {
	if o.Over == 0 {
		return protocol.MaxInlineResult
	}
	return o.Over
}

// reference is what is recorded in place of a value:
//
//	perdure:value:1 <sha256> <size> <key>
//
// A preview follows on the next line.
//
// JSON never begins like that; a value of another Serdes that does is stored,
// whatever its size.
type reference struct {
	digest string
	size   int
	key    string
}

const referencePrefix = "perdure:value:1 "

// newReference makes the key of the operation that the value belongs to and of
// the value itself: an attempt that is made again overwrites nothing.
func newReference(ctx context.Context, data []byte) reference {
	sum := digest(data)
	execution, operation := "none", "none"
	if c := bodyOf(ctx); c != nil {
		execution, operation = digest([]byte(c.run.arn))[:32], c.id
	}
	return reference{sum, len(data), execution + "/" + operation + "-" + sum[:32]}
}

func (r reference) String() string {
	return referencePrefix + r.digest + " " + strconv.Itoa(r.size) + " " + r.key
}

func parseReference(s string) (r reference, err error) {
	line, _, _ := strings.Cut(s, "\n")
	parts := strings.Split(strings.TrimPrefix(line, referencePrefix), " ")
	if len(parts) != 3 {
		return r, errors.New("the recorded reference to a stored value is damaged")
	}
	r.size, err = strconv.Atoi(parts[1])
	r.digest, r.key = parts[0], parts[2]
	return r, err
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// DirStore is a [Store] in a directory, such as a mounted network file system
// that every machine sees on which the function may run. Values are files; their
// directories are made as needed.
type DirStore string

// Put implements [Store].
func (d DirStore) Put(_ context.Context, key string, data []byte) error {
	path, err := d.path(key)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := writeFile(path, data); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// writeFile writes a whole file or none.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".put-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return errors.Join(syncDir(filepath.Dir(path)), syncDir(filepath.Dir(filepath.Dir(path))))
}

// syncDir makes a new name in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Get implements [Store].
func (d DirStore) Get(_ context.Context, key string) ([]byte, error) {
	path, err := d.path(key)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && d.isThere()) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return data, err
}

// isThere reports whether the directory can be looked into: without it no
// value is there, and none is lost.
func (d DirStore) isThere() bool {
	info, err := os.Stat(string(d))
	return err == nil && info.IsDir()
}

// path refuses what would lead out of the directory: keys come from histories.
func (d DirStore) path(key string) (string, error) {
	local := filepath.FromSlash(key)
	if d == "" || !filepath.IsLocal(local) {
		return "", fmt.Errorf("%q is not a key of a value in the directory %q", key, string(d))
	}
	return filepath.Join(string(d), local), nil
}
