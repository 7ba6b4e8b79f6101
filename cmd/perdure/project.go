package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/nearest"
	"github.com/perdure/perdure/internal/template"
	"github.com/perdure/perdure/internal/wire"
)

// templateFlags are the flags of the verbs that read templates.
type templateFlags struct {
	parameters perParameter
}

func (f *templateFlags) define(fs *flag.FlagSet) {
	fs.Var(&f.parameters, "parameter", "`NAME=VALUE` of a parameter of the template; may be repeated")
}

// perParameter is a repeatable flag of a template's parameters.
type perParameter struct {
	words  []string // as given
	values map[string]string
}

// String implements [flag.Value].
func (p *perParameter) String() string { return strings.Join(p.words, " ") }

// Set implements [flag.Value].
func (p *perParameter) Set(word string) error {
	name, value, ok := strings.Cut(word, "=")
	if !ok || name == "" {
		return errors.New("NAME=VALUE is wanted, with the name of a parameter")
	}
	if p.values == nil {
		p.values = map[string]string{}
	}
	p.words, p.values[name] = append(p.words, word), value
	return nil
}

// project is what a template describes.
type project struct {
	path     string // of the template
	programs []program
	warnings []*template.Warning
}

// templateNames are looked for in a directory, in this order.
var templateNames = []string{"template.yaml", "template.yml", "template.json"}

// findTemplate returns the template that path is, or that lies in the directory
// path; empty if there is none.
func findTemplate(path string) string {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		for _, name := range templateNames {
			if t := filepath.Join(path, name); fileExists(t) {
				return t
			}
		}
		return ""
	}
	if isTemplate(path) {
		return path
	}
	return ""
}

// isTemplate reports whether path is called as templates are.
func isTemplate(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".template"}, filepath.Ext(path))
}

// readProject reads the template at path. Its mistakes are told to std, if they
// are several.
func readProject(std *stdio, path string, parameters map[string]string) (*project, error) {
	p, err := parseProject(path, parameters)
	all, ok := errors.AsType[template.Errors](err)
	if !ok {
		return p, err
	}
	if len(all) == 1 {
		return nil, cli.Usagef("%s", all[0])
	}
	for _, e := range all {
		fmt.Fprintln(std.err, cli.Printable(e.Error()))
	}
	return nil, cli.Usagef("%s has %d mistakes", path, len(all)).Hintf("the lines above say where they are")
}

// parseProject reads the template at path. Its error may be [template.Errors].
func parseProject(path string, parameters map[string]string) (*project, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, cli.Usagef("cannot read the template: %v", err)
	}
	t, err := template.Parse(path, data, &template.Options{Parameters: parameters})
	if err != nil {
		return nil, err
	}
	p := &project{path: path, warnings: t.Warnings}
	for _, f := range t.Functions {
		dir := filepath.FromSlash(f.CodeURI)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(path), dir)
		}
		p.programs = append(p.programs, program{
			name: f.Name, path: dir, runtime: f.Runtime, handler: f.Handler, spec: f, plain: f.Durable == nil,
		})
	}
	if len(p.programs) == 0 {
		return nil, cli.Usagef("%s has no functions that can be run here", path)
	}
	return p, nil
}

// tell tells what is not here as it would be on AWS. Resources are told in one
// line: nobody expects tables and queues to be here.
func (p *project) tell(line func(string)) {
	var missing []string
	for _, w := range p.warnings {
		if w.Kind == template.KindResource {
			missing = append(missing, w.Subject)
			continue
		}
		line(w.String())
	}
	if len(missing) > 0 {
		line(p.path + ": not created here: " + strings.Join(missing, ", ") + " [resource]")
	}
}

// pick returns the function called name, by its name or its logical id; or the
// only one, if name is empty.
func (p *project) pick(name string) (program, error) {
	var names []string
	for _, f := range p.programs {
		if f.name == name || f.spec.LogicalID == name {
			return f, nil
		}
		names = append(names, f.name)
	}
	if name == "" && len(p.programs) == 1 {
		return p.programs[0], nil
	}
	if name == "" {
		return program{}, cli.Usagef("%s has %d functions", p.path, len(names)).
			Hintf("choose one with --function: %s", strings.Join(names, ", "))
	}
	problem := cli.Usagef("%s has no function %q", p.path, name)
	if near := nearest.Word(name, names); near != "" {
		return program{}, problem.Hintf("did you mean %s?", near)
	}
	return program{}, problem.Hintf("it has %s", strings.Join(names, ", "))
}

// publishAliases does what a deployment of the template does: it publishes a
// function that has aliases, if it has changed, and moves them to the version.
func (l *local) publishAliases(ctx context.Context, p program) error {
	if p.spec == nil || len(p.spec.Aliases) == 0 {
		return nil
	}
	c, err := l.engine.PublishVersion(ctx, &engine.PublishRequest{Function: p.name})
	if err != nil {
		return cli.Faultf("%s could not be published: %v", p.name, err)
	}
	for _, name := range p.spec.Aliases {
		if _, err := l.engine.UpdateAlias(ctx, &engine.AliasChange{Function: p.name, Name: name, Version: &c.Version}); err != nil {
			return cli.Faultf("the alias %s of %s could not be moved: %v", name, p.name, err)
		}
	}
	return nil
}

// pointAliases makes the aliases that a template gives a function, unless they
// exist: here they point to $LATEST, which is what was just built.
func (l *local) pointAliases(ctx context.Context, p program) error {
	if p.spec == nil {
		return nil
	}
	for _, name := range p.spec.Aliases {
		latest := wire.LatestVersion
		_, err := l.engine.CreateAlias(ctx, &engine.AliasChange{Function: p.name, Name: name, Version: &latest})
		if _, exists := refusal(err, wire.CodeConflict); err != nil && !exists {
			return cli.Faultf("the alias %s of %s could not be made: %v", name, p.name, err)
		}
	}
	return nil
}
