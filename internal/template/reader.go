package template

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Parse reads a template. file names it in errors and warnings. The error is an
// [Errors]; what could be read is returned beside it, so that one mistake does
// not hide the rest.
func Parse(file string, data []byte, opts *Options) (*Template, error) {
	root, err := parse(file, data)
	if err != nil {
		return nil, Errors{err}
	}
	r := newReader(root, opts.withDefaults())
	t := &Template{Functions: r.read()}
	t.Warnings = r.warnings
	slices.SortStableFunc(t.Warnings, func(a, b *Warning) int { return a.Position.compare(b.Position) })
	slices.SortStableFunc(r.errs, func(a, b *Error) int { return a.Position.compare(b.Position) })
	if len(r.errs) > 0 {
		return t, r.errs
	}
	return t, nil
}

func (p Position) compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// reader works out what a template says.
type reader struct {
	opts Options
	root *node

	resources  index
	parameters index
	mappings   index
	conditions index
	merged     map[string]*node // function -> its properties, with Globals

	decided map[string]bool // condition -> whether it holds
	busy    map[string]bool // what is being worked out, to find what depends on itself
	work    int             // nodes looked at
	about   string          // what a value is worked out for, for warnings

	warnings []*Warning
	warned   map[Warning]bool
	errs     Errors
}

// index finds the entries of a section by their names.
type index struct {
	names  []string // in order
	byName map[string]*node
	keys   map[string]*node
}

func newReader(root *node, opts Options) *reader {
	r := &reader{
		opts: opts, root: root,
		merged:  map[string]*node{},
		decided: map[string]bool{}, busy: map[string]bool{}, warned: map[Warning]bool{},
	}
	r.resources = r.section("Resources")
	r.parameters = r.section("Parameters")
	r.mappings = r.section("Mappings")
	r.conditions = r.section("Conditions")
	return r
}

// section indexes a part of the template.
func (r *reader) section(name string) index {
	x := index{byName: map[string]*node{}, keys: map[string]*node{}}
	n := r.root.get(name)
	if n == nil || n.null {
		return x
	}
	if n.form != mapping || n.call != "" {
		r.fail(n.pos, "%s is a map, not %s", name, n.form)
		return x
	}
	for _, e := range n.entries {
		x.names = append(x.names, e.key.text)
		x.byName[e.key.text], x.keys[e.key.text] = e.value, e.key
	}
	return x
}

func (r *reader) fail(at Position, format string, args ...any) {
	e := &Error{at, fmt.Sprintf(format, args...)}
	if !slices.ContainsFunc(r.errs, func(known *Error) bool { return *known == *e }) && len(r.errs) < maxErrors {
		r.errs = append(r.errs, e)
	}
}

// maxErrors is what anybody reads.
const maxErrors = 20

func (r *reader) warn(at Position, kind Kind, subject, format string, args ...any) {
	w := Warning{Position: at, Kind: kind, Subject: subject, Text: fmt.Sprintf(format, args...)}
	if !r.warned[w] {
		r.warned[w] = true
		r.warnings = append(r.warnings, &w)
	}
}

// spend counts the work on a node; false once there was too much of it.
func (r *reader) spend(n *node) bool {
	if r.work++; r.work == maxWork {
		r.fail(n.pos, "the template expands to more than %d values; are its aliases meant so?", maxWork)
	}
	return r.work < maxWork
}

// read works out everything.
func (r *reader) read() []*Function {
	r.checkSections()
	r.checkOverrides()
	if len(r.resources.names) == 0 && len(r.errs) == 0 {
		r.fail(r.root.pos, "the template has no Resources")
	}
	var functions []*Function
	for _, id := range r.resources.names {
		if f := r.resource(id); f != nil {
			functions = append(functions, f)
		}
	}
	r.addAliases(functions)
	r.checkNames(functions)
	return functions
}

// sections are what a template is made of.
var sections = []string{
	"AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Mappings", "Conditions",
	"Rules", "Globals", "Resources", "Outputs", "Hooks",
}

const serverless = "AWS::Serverless-2016-10-31"

func (r *reader) checkSections() {
	for _, e := range r.root.entries {
		if !slices.Contains(sections, e.key.text) {
			r.warn(e.key.pos, KindSection, e.key.text, "%s is no section of a template%s; it is left out", quoted(e.key.text), didYouMean(e.key.text, sections))
		}
	}
	transform := r.root.get("Transform")
	if transform == nil {
		return
	}
	macros := []*node{transform}
	if transform.form == list {
		macros = transform.items
	}
	for _, m := range macros {
		if name := m.text; name != serverless {
			r.warn(m.pos, KindTransform, name, "the macro %s is not applied here", quoted(cmp.Or(name, "of Transform")))
		}
	}
}

// checkOverrides refuses values for parameters that do not exist.
func (r *reader) checkOverrides() {
	for _, name := range slices.Sorted(maps.Keys(r.opts.Parameters)) {
		if r.parameters.byName[name] == nil {
			r.fail(Position{File: r.root.pos.File}, "there is no parameter %s%s", quoted(name), didYouMean(name, r.parameters.names))
		}
	}
}

// checkNames refuses two functions of one name.
func (r *reader) checkNames(functions []*Function) {
	first := map[string]*Function{}
	for _, f := range functions {
		if twin := first[f.Name]; twin != nil {
			r.fail(f.Position, "%s and %s have the same FunctionName, %s", f.LogicalID, twin.LogicalID, quoted(f.Name))
			continue
		}
		first[f.Name] = f
	}
}
