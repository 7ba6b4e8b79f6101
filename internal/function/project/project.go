// Package project reads what is to run: the code of one function, or a SAM template, with the samconfig.toml that
// belongs to it, and the functions that it has. It starts nothing and writes nothing.
//
// [Find] finds the template of a directory, [Read] reads it into [Program]s, and a Program says what the builders
// and the engine need to know of it. To change what is understood of a template, see package template; of its
// configuration, package samconfig; how code is built, package build.
package project

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/function/samconfig"
	"github.com/perdure/perdure/internal/function/template"
)

// Project is what a template describes.
type Project struct {
	Path     string // of the template
	Programs []Program
	Warnings []*template.Warning
	Files    []string // that say so: the template, what is nested in it, and its configuration
}

// Options say how a template is to be read.
type Options struct {
	Parameters  map[string]string // take precedence over those of samconfig.toml
	Environment string            // the one in samconfig.toml whose settings count
	// Configured is the directory of samconfig.toml; the default is the template's. [Find] sets it.
	Configured string
}

// ErrNoConfiguration says that there is no samconfig.toml, of which an environment was asked for.
var ErrNoConfiguration = errors.New("there is no " + samconfig.Names[0])

// TemplateNames are looked for in a directory, in this order.
var TemplateNames = []string{"template.yaml", "template.yml", "template.json"}

// IsTemplate reports whether path is called as templates are.
func IsTemplate(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".template"}, filepath.Ext(path))
}

// Find returns the template that path is, or that belongs to the directory path: the one that samconfig.toml names,
// or one that lies there. It is empty if there is none.
func Find(path string, opts *Options) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		if IsTemplate(path) {
			return path, nil
		}
		return "", nil
	}
	config, _, err := configuration(path, opts)
	if err != nil {
		return "", err
	}
	opts.Configured = path
	for _, name := range append([]string{filepath.FromSlash(config.Template)}, TemplateNames...) {
		if name == "" {
			continue
		}
		t := filepath.Join(path, name)
		if _, err := os.Stat(t); err == nil {
			return t, nil
		}
	}
	return "", nil
}

// Read reads the template at path. Its mistakes are [template.Errors].
func Read(path string, opts *Options) (*Project, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the template: %w", err)
	}
	config, files, err := configuration(cmp.Or(opts.Configured, filepath.Dir(path)), opts)
	if err != nil {
		return nil, err
	}
	t, err := template.Parse(path, data, &template.Options{
		Parameters: opts.Parameters, Configured: config.Parameters,
		Region: config.Region, StackName: config.StackName, Read: readSmall,
	})
	if err != nil {
		return nil, err
	}
	p := &Project{Path: path, Warnings: t.Warnings, Files: slices.Concat([]string{path}, files, t.Files)}
	for _, f := range t.Functions {
		p.Programs = append(p.Programs, Program{
			Name: f.Name, Path: placeOf(f), Runtime: f.Runtime, Handler: f.Handler, Spec: f, Plain: f.Durable == nil,
		})
	}
	return p, nil
}

// configuration reads how SAM's command is configured in dir. files are those that say so, or would.
func configuration(dir string, opts *Options) (config *samconfig.Config, files []string, err error) {
	for _, name := range samconfig.Names {
		file := filepath.Join(dir, name)
		files = append(files, file)
		data, err := readSmall(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read the configuration of the template: %w", err)
		}
		config, err := samconfig.Parse(file, data, opts.Environment, readSmall)
		if err != nil {
			return nil, nil, err
		}
		return config, append(files, config.Files...), nil
	}
	if opts.Environment != samconfig.DefaultEnvironment {
		return nil, nil, fmt.Errorf("%w in %s", ErrNoConfiguration, dir)
	}
	return &samconfig.Config{}, files, nil
}

// maxTemplate is more than the packages that read such files take.
const maxTemplate = 5 << 20

// readSmall reads a file of people, or the beginning of one that is too large to be meant so.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxTemplate))
}

// placeOf is where a function's code is: its directory or archive, or the template itself.
func placeOf(f *template.Function) string {
	dir := filepath.FromSlash(f.CodeURI)
	switch {
	case f.Inline != "":
		return f.Position.File
	case filepath.IsAbs(dir):
		return dir
	}
	return filepath.Join(filepath.Dir(f.Position.File), dir)
}

// LeavesOut reports whether the template has p, but with a mistake for which it was left out. A warning says so.
func (p *Project) LeavesOut(q *Program) bool {
	return q.Spec != nil && slices.ContainsFunc(p.Warnings, func(w *template.Warning) bool {
		return w.LeavesOut() && w.Subject == q.Spec.LogicalID && w.Position.File == q.Spec.Position.File
	})
}

// Notes are lines about what is not here as it would be on AWS. Resources are in
// one of them: nobody expects tables and queues to be here.
func (p *Project) Notes() (lines []string) {
	var missing []string
	for _, w := range p.Warnings {
		if w.Kind == template.KindResource {
			missing = append(missing, w.Subject)
		} else {
			lines = append(lines, w.String())
		}
	}
	if len(missing) > 0 {
		lines = append(lines, p.Path+": not created here: "+strings.Join(missing, ", ")+" [resource]")
	}
	return lines
}
