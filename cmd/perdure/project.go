package main

import (
	"cmp"
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
	"github.com/perdure/perdure/internal/function/samconfig"
	"github.com/perdure/perdure/internal/function/template"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// templateFlags are the flags of the verbs that read templates.
type templateFlags struct {
	parameters perParameter
	configEnv  string
	configured string // the directory of samconfig.toml; empty for the template's
}

func (f *templateFlags) define(fs *flag.FlagSet) {
	fs.Var(&f.parameters, "parameter", "`NAME=VALUE` of a parameter of the template, over that of samconfig; may be repeated")
	fs.StringVar(&f.configEnv, "config-env", samconfig.DefaultEnvironment, "the `ENVIRONMENT` in samconfig.toml whose settings count")
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
	files    []string // that say so: the template, what is nested in it, and its configuration
}

// templateNames are looked for in a directory, in this order.
var templateNames = []string{"template.yaml", "template.yml", "template.json"}

// findTemplate returns the template that path is, or that belongs to the
// directory path: the one that samconfig.toml names, or one that lies there. It
// is empty if there is none.
func (f *templateFlags) findTemplate(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		if isTemplate(path) {
			return path, nil
		}
		return "", nil
	}
	config, _, err := f.configuration(path)
	if err != nil {
		return "", err
	}
	f.configured = path
	for _, name := range append([]string{filepath.FromSlash(config.Template)}, templateNames...) {
		if t := filepath.Join(path, name); name != "" && fileExists(t) {
			return t, nil
		}
	}
	return "", nil
}

// isTemplate reports whether path is called as templates are.
func isTemplate(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".template"}, filepath.Ext(path))
}

// readProject reads the template at path. Its mistakes are told to std, if they
// are several.
func readProject(std *stdio, path string, f *templateFlags) (*project, error) {
	p, err := parseProject(path, f)
	all, ok := errors.AsType[template.Errors](err)
	switch {
	case err == nil && len(p.programs) == 0:
		p.tell(func(line string) { fmt.Fprintln(std.err, cli.Printable(line)) })
		return nil, cli.Usagef("%s has no functions that can be run here", path)
	case !ok:
		return p, err
	case len(all) == 1:
		return nil, cli.Usagef("%s", all[0])
	}
	for _, e := range all {
		fmt.Fprintln(std.err, cli.Printable(e.Error()))
	}
	return nil, cli.Usagef("%s has %d mistakes", path, len(all)).Hintf("the lines above say where they are")
}

// parseProject reads the template at path. Its error may be [template.Errors].
func parseProject(path string, f *templateFlags) (*project, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, cli.Usagef("cannot read the template: %v", err)
	}
	config, files, err := f.configuration(cmp.Or(f.configured, filepath.Dir(path)))
	if err != nil {
		return nil, err
	}
	t, err := template.Parse(path, data, &template.Options{
		Parameters: f.parameters.values, Configured: config.Parameters,
		Region: config.Region, StackName: config.StackName, Read: readSmall,
	})
	if err != nil {
		return nil, err
	}
	p := &project{path: path, warnings: t.Warnings, files: slices.Concat([]string{path}, files, t.Files)}
	for _, f := range t.Functions {
		p.programs = append(p.programs, program{
			name: f.Name, path: placeOf(f), runtime: f.Runtime, handler: f.Handler, spec: f, plain: f.Durable == nil,
		})
	}
	return p, nil
}

// placeOf is where a function's code is: its directory or archive, or the
// template itself.
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

// leavesOut reports whether a function was left out, for a reason that was told.
func (p *project) leavesOut(f *template.Function) bool {
	return f != nil && slices.ContainsFunc(p.warnings, func(w *template.Warning) bool {
		return w.LeavesOut() && w.Subject == f.LogicalID && w.Position.File == f.Position.File
	})
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
	for _, w := range p.warnings {
		if w.LeavesOut() && w.Subject == name {
			return program{}, cli.Usagef("%s", w)
		}
	}
	problem := cli.Usagef("%s has no function %q", p.path, name)
	if near := text.Nearest(name, names); near != "" {
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
	c, err := l.engine.Functions().PublishVersion(ctx, &engine.PublishRequest{Function: p.name})
	if err != nil {
		return cli.Faultf("%s could not be published: %v", p.name, err)
	}
	for _, name := range p.spec.Aliases {
		if _, err := l.engine.Functions().UpdateAlias(ctx, &engine.AliasChange{Function: p.name, Name: name, Version: &c.Version}); err != nil {
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
		latest := protocol.LatestVersion
		_, err := l.engine.Functions().CreateAlias(ctx, &engine.AliasChange{Function: p.name, Name: name, Version: &latest})
		if _, exists := refusal(err, protocol.CodeConflict); err != nil && !exists {
			return cli.Faultf("the alias %s of %s could not be made: %v", name, p.name, err)
		}
	}
	return nil
}
