package runtimes

import (
	"context"
	"debug/buildinfo"
	"path/filepath"
)

// resolveProvided runs the executable that the directory holds: bootstrap, or
// what go1.x called by the handler's name.
func resolveProvided(_ context.Context, code Code, _ *Options) (*Process, error) {
	name := "bootstrap"
	if code.Runtime == "go1.x" && code.Handler != "" && filepath.IsLocal(code.Handler) {
		name = code.Handler
	}
	path := filepath.Join(code.Dir, name)
	if !isFile(path) {
		return nil, errorf("%s has no file %s", code.Dir, name).
			hintf("a function for %s is an executable of that name: build it first", code.Runtime)
	}
	handler := code.Handler
	if handler == "" {
		handler = name
	}
	return Executable(path, handler), nil
}

// Executable returns how to run the executable at path, with arguments, in its own directory.
func Executable(path, handler string, args ...string) *Process {
	return &Process{
		Handler: handler, Command: append([]string{path}, args...), Dir: filepath.Dir(path), OwnPort: !isGo(path),
	}
}

// isGo reports whether path is a program in Go, whose client of the Runtime API
// only puts URLs together. That of Rust, for one, refuses a path.
func isGo(path string) bool {
	_, err := buildinfo.ReadFile(path)
	return err == nil
}
