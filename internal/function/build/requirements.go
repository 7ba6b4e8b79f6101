package build

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// requirements are those of a requirements.txt and of the files that it names.
type requirements struct {
	files []string // files read, or to be read; absolute
	local []string // packages and directories of this machine; absolute
	lines []string // of all files, fit for pip
	// editable: some line installs a package in place, which pip cannot do for a directory of its own.
	editable bool
}

// maxRequirements bounds how many files name each other.
const maxRequirements = 50

// readRequirements reads a requirements.txt. pip looks for packages from dir.
func readRequirements(dir, file string) *requirements {
	r := &requirements{}
	r.read(dir, file, "")
	return r
}

func (r *requirements) read(dir, file, option string) {
	if slices.Contains(r.files, file) || len(r.files) >= maxRequirements {
		return
	}
	r.files = append(r.files, file)
	data, err := os.ReadFile(file)
	if err != nil {
		return // pip tells
	}
	text := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\\\n", " ")
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			r.line(dir, file, line, option)
		}
	}
}

func (r *requirements) line(dir, file, line, option string) {
	name, value, _ := strings.Cut(line, " ")
	if long, after, ok := strings.Cut(name, "="); ok && strings.HasPrefix(name, "--") {
		name, value = long, after
	} else if len(name) > 2 && name[0] == '-' && name[1] != '-' { // -r../common.txt
		name, value = name[:2], name[2:]
	}
	value = strings.TrimSpace(value)
	switch name {
	case "-r", "--requirement":
		r.read(dir, absolute(filepath.Dir(file), value), option)
		return
	case "-c", "--constraint":
		path := absolute(filepath.Dir(file), value)
		r.lines = append(r.lines, "--constraint "+path)
		r.files = append(r.files, path)
		return
	case "-e", "--editable":
		r.editable = true
		line = value
	case "-f", "--find-links":
		if path := localPath(dir, value); path != "" {
			r.local = append(r.local, path)
		}
	}
	r.lines = append(r.lines, line)
	if path := localPath(dir, line); path != "" {
		r.local = append(r.local, path)
	}
}

// localPath is the place of a requirement on this machine; empty if it is elsewhere.
func localPath(dir, requirement string) string {
	place, _, _ := strings.Cut(requirement, ";")
	if _, after, ok := strings.Cut(place, "@ "); ok {
		place = after
	}
	place, _, _ = strings.Cut(strings.TrimSpace(place), "[") // extras
	if after, ok := strings.CutPrefix(place, "file:"); ok {
		place = strings.TrimPrefix(after, "//")
	} else if strings.Contains(place, "://") {
		return ""
	}
	if !strings.HasPrefix(place, ".") && !strings.ContainsAny(place, `/\`) && !strings.HasSuffix(place, ".whl") {
		return ""
	}
	if path := absolute(dir, place); exists(path, "") {
		return path
	}
	return ""
}

func absolute(dir, path string) string {
	if path = filepath.FromSlash(path); filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
