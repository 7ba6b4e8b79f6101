package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/files/fresh"
)

// command is a tool that is interrupted, with its children, when ctx is done, and killed a while later.
func command(ctx context.Context, dir string, env []string, tool string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.WaitDelay = 5 * time.Second
	ownGroup(cmd)
	return cmd
}

// maxOutput bounds the kept output of a tool: its beginning, where the first mistakes are.
const maxOutput = 64 << 10

// run runs a tool in the source's directory. If it fails, its output is in the error.
func (j *job) run(ctx context.Context, env []string, tool string, args ...string) error {
	return j.runIn(ctx, j.Dir, env, tool, args...)
}

func (j *job) runIn(ctx context.Context, dir string, env []string, tool string, args ...string) error {
	cmd := command(ctx, dir, env, tool, args...)
	said := &bounded{}
	cmd.Stdout, cmd.Stderr = said, said
	err := cmd.Run()
	if err == nil {
		return nil
	}
	name := filepath.Base(tool)
	if _, failed := errors.AsType[*exec.ExitError](err); !failed {
		return errorf("%s cannot be built: running %s: %v", j.Name, name, err)
	}
	e := errorf("%s does not build", j.Name)
	e.Output = j.words(said.String(), dir)
	if len(e.Output) == 0 {
		e.Message += ": " + name + " failed (" + err.Error() + ") and said nothing"
	}
	return e
}

// place in a file, as compilers write it at the beginning of a line.
var placeInFile = regexp.MustCompile(`^(\S+\.[a-z]+):(\d+)(:\d+)?:`)

// words are the lines of a tool's output, with paths relative to the user's directory.
func (j *job) words(output, dir string) []string {
	from := j.opts.From
	if from == "" {
		from, _ = os.Getwd()
	}
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "# ") { // go build's headings
			continue
		}
		lines = append(lines, relative(line, from, j.Dir, dir))
	}
	return lines
}

// relative makes the path at the beginning of a line relative to from. In the line it is absolute, or relative to
// one of dirs.
func relative(line, from string, dirs ...string) string {
	m := placeInFile.FindStringSubmatch(line)
	if m == nil {
		return line
	}
	for _, dir := range dirs {
		path := m[1]
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if _, err := os.Stat(path); err != nil {
			continue
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || strings.HasPrefix(rel, filepath.Join("..", "..", "..")) {
			rel = path
		}
		return rel + line[len(m[1]):]
	}
	return line
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	bytes.Buffer
	cut bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxOutput - b.Len(); len(p) > room {
		b.Buffer.Write(p[:max(room, 0)])
		b.cut = true
		return len(p), nil
	}
	return b.Buffer.Write(p)
}

func (b *bounded) String() string {
	if b.cut {
		return b.Buffer.String() + "\n…"
	}
	return b.Buffer.String()
}

// packagesDir is where, beside a function's builds, the packages are that it
// needs from elsewhere: a directory for each list of them that was installed.
const packagesDir = "packages"

// packages returns the directory in which install has installed what lists describe: files, of which some may not
// exist, by their paths from the source; and local, which are packages of this machine. It is installed once for
// each state of them, and appears as a whole.
func (j *job) packages(ctx context.Context, lists, local []string, install func(ctx context.Context, dir string) error) (string, error) {
	h := sha256.New()
	for _, list := range lists {
		data, err := os.ReadFile(absolute(j.Dir, list))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", errorf("%s cannot be built: %v", j.Name, err)
		}
		fmt.Fprintf(h, "%s %d %v\n", list, len(data), err == nil)
		h.Write(data)
	}
	for _, path := range local {
		if err := stamps(h, j.Source, path); err != nil {
			return "", errorf("%s cannot be built: %v", j.Name, err)
		}
	}
	home := filepath.Join(j.home, packagesDir)
	dir := filepath.Join(home, hex.EncodeToString(h.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	if err := fresh.Sweep(home, unfinished); err != nil {
		return "", err
	}
	temp, err := fresh.MakeDir(home, unfinished, 0o755)
	if err != nil {
		return "", err
	}
	defer temp.Remove()
	if err := install(ctx, temp.Path); err != nil {
		return "", err
	}
	return dir, place(temp, dir)
}
