package build

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// inline writes the code that is in a template into the file that Lambda makes
// of it.
type inline struct{}

func (inline) name() string { return "inline" }

func (inline) find(context.Context, *Source) (*Inputs, error) { return &Inputs{}, nil }

func (inline) build(_ context.Context, j *job) error {
	name := "index.js"
	if strings.HasPrefix(j.Runtime, "python") {
		name = "index.py"
	}
	f, err := os.OpenFile(filepath.Join(j.out, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(j.Inline); err != nil {
		return err
	}
	return f.Close()
}
