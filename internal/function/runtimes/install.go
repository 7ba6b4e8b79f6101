package runtimes

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/files/fresh"
)

//go:embed embedded
var embedded embed.FS

// placeEmbedded writes one of our own files into the cache, unless it is there, and returns its path. Its directory
// is named after its content, so that engines of several versions can share a cache.
func placeEmbedded(opts *Options, name string) (string, error) {
	content, err := embedded.ReadFile("embedded/" + name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	dir, err := opts.cache("own-" + hex.EncodeToString(sum[:8]))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	if present, err := os.ReadFile(path); err == nil && bytes.Equal(present, content) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	err = fresh.Write(path, 0o644, func(f *os.File) error {
		_, err := f.Write(content)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		if present, err := os.ReadFile(path); err == nil && bytes.Equal(present, content) {
			return path, nil // somebody was faster
		}
		return "", errorf("%s is not what was put there", path).hintf("remove it: it is made anew")
	}
	return path, err
}

// installTime bounds an installation.
const installTime = 5 * time.Minute

// installation is something that a tool fetches into the cache, once.
type installation struct {
	name string // of the directory in the cache
	what string // for people
	hint string // what to do if it does not work
	// command returns the command that installs into dir.
	command func(dir string) *exec.Cmd
}

// ensure returns the directory of an installation, and makes it if need be: beside its place, to be renamed then.
// If two processes make it, the second one is thrown away.
func ensure(ctx context.Context, opts *Options, in installation) (string, error) {
	dir, err := opts.cache(in.name)
	if err != nil || isDir(dir) {
		return dir, err
	}
	if opts.Offline {
		return "", errorf("%s is not installed", in.what).hintf("%s", in.hint)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	if err := fresh.Sweep(filepath.Dir(dir), in.name+".new-"); err != nil {
		return "", err
	}
	temp, err := fresh.MakeDir(filepath.Dir(dir), in.name+".new-", 0o755)
	if err != nil {
		return "", err
	}
	defer temp.Remove()
	opts.tell("installing %s, once, into %s", in.what, dir)
	if err := runInstall(ctx, in, temp.Path); err != nil {
		return "", err
	}
	err = temp.Place(dir)
	if errors.Is(err, fs.ErrExist) && isDir(dir) {
		return dir, nil
	}
	return dir, err
}

func runInstall(ctx context.Context, in installation, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	cmd := in.command(dir)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return errorf("%s cannot be installed: %v", in.what, err).hintf("%s", in.hint)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	stop()
	if ctx.Err() != nil && err != nil {
		return fmt.Errorf("installing %s: %w", in.what, context.Cause(ctx))
	}
	if err != nil {
		return errorf("%s could not be installed (%s)", in.what, lastLine(said.String())).hintf("%s", in.hint)
	}
	return nil
}

// lastLine is the last telling line, shortened.
func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	line := strings.TrimSpace(lines[len(lines)-1])
	return line[:min(len(line), 300)]
}

// ask runs a command that answers at once and returns what it said.
func ask(ctx context.Context, dir string, env []string, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
