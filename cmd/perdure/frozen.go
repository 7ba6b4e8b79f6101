package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/codestore"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
)

// frozen is what is needed to run the code of a published version: the data of
// its image. It says nothing of where the code lies on this machine, so a data
// directory can be moved.
type frozen struct {
	Code    string            // hash in the code store
	Runtime string            `json:",omitempty"` // the language, if the code needs one
	Program string            `json:",omitempty"` // else the file to execute, below the code
	Args    []string          `json:",omitempty"` // of the program
	Handler string            `json:",omitempty"`
	Env     map[string]string `json:",omitempty"` // the function's own
}

// deployed is the pool of a function's newest code, which can be published.
type deployed struct {
	*sandbox.Pool
	versions *versions
	proc     *runtimes.Process
	env      map[string]string
}

var _ engine.Freezer = (*deployed)(nil)

// Code implements [engine.Freezer].
func (d *deployed) Code(ctx context.Context) (sha256 string, size int64, err error) {
	code, err := d.versions.code.Hash(ctx, d.source())
	return code.Base64(), code.Size, err
}

// Freeze implements [engine.Freezer].
func (d *deployed) Freeze(ctx context.Context) (*engine.Image, error) {
	src := d.source()
	code, err := d.versions.keepCode(ctx, src)
	if err != nil {
		return nil, err
	}
	f := frozen{Code: code.Hash, Handler: d.proc.Handler, Env: d.env}
	if d.proc.Runtime != "" {
		f.Runtime = d.proc.Runtime
	} else {
		f.Program, f.Args = filepath.Base(d.proc.Command[0]), d.proc.Command[1:]
	}
	data, err := json.Marshal(f)
	return &engine.Image{CodeSHA256: code.Base64(), CodeSize: code.Size, Data: data}, err
}

// source is the code: the one file of a program that was built, and otherwise
// the directory, in which a script may find what it needs.
func (d *deployed) source() codestore.Source {
	switch program := d.proc.Command[0]; {
	case d.proc.Runtime != "":
		return codestore.Source{Path: d.proc.Dir, Except: d.versions.data}
	case isScript(program):
		return codestore.Source{Path: filepath.Dir(program), Except: d.versions.data}
	default:
		return codestore.Source{Path: program}
	}
}

// isScript reports whether a program is text that another one interprets.
func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "#!"
}

// process returns how to run frozen code that lies in dir.
func (f *frozen) process(ctx context.Context, dir string, opts *runtimes.Options) (*runtimes.Process, error) {
	if f.Runtime != "" {
		return runtimes.Resolve(ctx, runtimes.Code{Runtime: f.Runtime, Handler: f.Handler, Dir: dir}, opts)
	}
	proc := runtimes.Executable(filepath.Join(dir, f.Program), f.Handler, f.Args...)
	proc.Dir = dir
	return proc, nil
}
