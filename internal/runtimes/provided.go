package runtimes

import (
	"context"
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
	return &Process{Handler: handler, Command: []string{path}}, nil
}
