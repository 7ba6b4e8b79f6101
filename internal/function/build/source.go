package build

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Source is a function's code as it was written.
type Source struct {
	// Name is the function's. Its builds are in the directory of that name below Options.Root.
	Name string
	// LogicalID is the name of its resource in a template, which names its target in a Makefile; the default is
	// Name.
	LogicalID string
	// Dir holds the code, or is an archive of it, which is unpacked and run as it is.
	Dir string
	// Inline is the code itself, of a file index.py or index.js, in place of Dir.
	Inline string
	// Runtime and Handler are as in a template; empty to find out.
	Runtime, Handler string
	// Method and Properties are a template's BuildMethod and BuildProperties.
	Method     string
	Properties map[string][]string
	// Skip takes the code as it is.
	Skip bool
	// Except is a path that is no part of the code, though it may lie in Dir: an engine's data directory; may be
	// empty.
	Except string

	isArchive bool
}

// leftOut reports whether a directory below Dir is no part of the code.
func (s *Source) leftOut(path string) bool {
	return s.Except != "" && path == s.Except || excluded(filepath.Base(path))
}

// property is a BuildProperty that is a single value.
func (s *Source) property(name string) string {
	if values := s.Properties[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Options say how to build. Root is required.
type Options struct {
	// Root is the directory of all builds; it is made when needed.
	Root string
	// From is the base of relative paths in compilers' messages; the default is the working directory.
	From string
	// Debug builds for a debugger, where that makes a difference.
	Debug bool
	// Holds keeps the build from being removed by others; nil if nobody else removes builds.
	Holds *Holds
	// Tell receives a line before something that may take long; may be nil.
	Tell func(line string)
}

func (o *Options) tell(format string, args ...any) {
	if o.Tell != nil {
		o.Tell(fmt.Sprintf(format, args...))
	}
}

// Error says why a function cannot be built and what to do about it.
type Error struct {
	Message string
	Hint    string // may be empty
	// Output is the tool's output, line by line; may be empty. Paths in it are relative to Options.From.
	Output []string
}

func (e *Error) Error() string {
	return strings.Join(append([]string{e.Message}, e.Output...), "\n")
}

func errorf(format string, args ...any) *Error { return &Error{Message: fmt.Sprintf(format, args...)} }

func (e *Error) hintf(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// method is one way to build.
type method interface {
	// name is what people call it.
	name() string
	// build builds into the directory j.out, which is empty.
	build(ctx context.Context, j *job) error
	// find lists the inputs of the build.
	find(ctx context.Context, src *Source) (*Inputs, error)
}

// job is one build.
type job struct {
	*Source
	opts *Options
	home string // of all builds of the function
	out  string // where it goes
	runs Runs   // how it is to be run
	// linked are directories of this machine that the build leads to, and in which people work: packages of the
	// same project.
	linked []string
}

// choose returns the way to build src.
func choose(src *Source) (method, error) {
	switch {
	case src.Inline != "":
		return inline{}, nil
	case src.isArchive:
		return archive{}, nil
	case src.Skip:
		return asIs{}, nil
	}
	switch name := src.Method; {
	case name == "":
		return guess(src)
	case name == "go1.x":
		return golang{}, nil
	case name == "makefile":
		return makefile{}, nil
	case name == "esbuild":
		return esbuild{}, nil
	case strings.HasPrefix(name, "nodejs"):
		return node{}, nil
	case strings.HasPrefix(name, "python"):
		return python{}, nil
	}
	return nil, errorf("%s has the BuildMethod %s, which is not known here", src.Name, src.Method).
		hintf("go1.x, makefile, esbuild, nodejs and python are; or build it yourself and set SkipBuild: true")
}

// guess chooses by the runtime and the content of the directory.
func guess(src *Source) (method, error) {
	switch runtime := src.Runtime; {
	case strings.HasPrefix(runtime, "nodejs"):
		return node{}, nil
	case strings.HasPrefix(runtime, "python"):
		return python{}, nil
	case runtime != "" && runtime != "go1.x" && !strings.HasPrefix(runtime, "provided"):
		return asIs{}, nil
	case runtime != "" && hasTarget(src):
		return makefile{}, nil
	case hasGo(src.Dir):
		return golang{}, nil
	case exists(src.Dir, "package.json"), exists(src.Dir, "index.js"), exists(src.Dir, "index.mjs"):
		return node{}, nil
	case runtime == "" && hasPython(src.Dir):
		return python{}, nil
	}
	return asIs{}, nil // running it will tell what is wrong
}

// hasTarget reports whether a Makefile has a target for the function.
func hasTarget(src *Source) bool {
	data, err := os.ReadFile(filepath.Join(src.Dir, "Makefile"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "build-"+src.LogicalID+":") {
			return true
		}
	}
	return false
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

func hasPython(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, "*.py"))
	return len(files) > 0
}

// check completes src and refuses anything but a directory or an archive.
func (s Source) check() (*Source, error) {
	s.LogicalID = cmp.Or(s.LogicalID, s.Name)
	if s.Inline != "" {
		s.Dir = ""
		return &s, nil
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	switch {
	case os.IsNotExist(err):
		return nil, errorf("the directory of %s, %s, does not exist", s.Name, s.Dir).hintf("name the directory of its code")
	case err != nil:
		return nil, errorf("the directory of %s cannot be read: %v", s.Name, err)
	case info.IsDir():
	case IsArchive(dir):
		s.isArchive = true
	default:
		return nil, errorf("the code of %s, %s, is neither a directory nor a zip archive", s.Name, s.Dir).hintf("name the directory of its code")
	}
	s.Dir = dir
	if s.Except != "" {
		if s.Except, err = filepath.Abs(s.Except); err != nil {
			return nil, err
		}
	}
	return &s, nil
}
