package credentials

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"
)

// maxFile bounds a credentials file.
const maxFile = 1 << 20

// Load reads the credentials file at path. It refuses one that others on the machine can read or write.
func Load(path string) ([]Credential, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkMode(path, info.Mode()); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes: it is no file of credentials", path, maxFile)
	}
	found, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return found, nil
}

// checkMode refuses a file that anybody may read, or others than the owner may write. The group may read:
// containers get secrets that way.
func checkMode(path string, mode fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil // the mode says nothing there
	}
	if !mode.IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if mode.Perm()&0o027 != 0 {
		return fmt.Errorf("%s can be read or changed by other users of this machine (mode %#o); run: chmod 600 %s", path, mode.Perm(), path)
	}
	return nil
}

// lookEvery is the least time between two looks at the file.
const lookEvery = time.Second

// File follows a credentials file. It may be used concurrently.
type File struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	byKey  map[string]Credential // access key id -> credential
	looked time.Time
	seen   stamp // of the file when it was last read
}

// stamp tells versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// Open reads the file at path, and reads it again whenever it has changed. A change that cannot be read is logged
// once and has no effect. Each section must say what its key may do. A client needs no such setting to sign
// requests, but leaving it out must not decide whom an engine lets in.
func Open(path string, log *slog.Logger) (*File, error) {
	f := &File{path: path, log: log, looked: time.Now(), seen: stampOf(path)}
	found, err := loadAccess(path)
	if err != nil {
		return nil, err
	}
	f.keep(found)
	return f, nil
}

// loadAccess is Load of a file whose sections all name their access.
func loadAccess(path string) ([]Credential, error) {
	found, err := Load(path)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		if c.Access == "" {
			return nil, fmt.Errorf("%s: section %s does not say what its key may do: add a line, %s = %s, %s or %s",
				path, c.Name, settingAccess, Full, Read, Function)
		}
	}
	return found, nil
}

func (f *File) keep(found []Credential) {
	f.byKey = make(map[string]Credential, len(found))
	for _, c := range found {
		f.byKey[c.KeyID] = c
	}
}

// Find returns the credential with an access key id.
func (f *File) Find(keyID string) (Credential, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follow()
	c, ok := f.byKey[keyID]
	return c, ok
}

// follow reads the file if it has changed. f.mu is held.
func (f *File) follow() {
	now := time.Now()
	if now.Sub(f.looked) < lookEvery {
		return
	}
	f.looked = now
	seen := stampOf(f.path)
	if seen == f.seen {
		return
	}
	f.seen = seen
	found, err := loadAccess(f.path)
	if err != nil {
		f.log.Error("the credentials changed and cannot be read; the ones before stay in force", "error", err)
		return
	}
	f.keep(found)
}
