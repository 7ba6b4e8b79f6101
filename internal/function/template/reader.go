package template

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Parse reads a template. file names it in errors and warnings. The error is an [Errors]: why nothing of the
// template can be used.
func Parse(file string, data []byte, opts *Options) (*Template, error) {
	root, err := parse(file, data)
	if err != nil {
		return nil, Errors{err}
	}
	r := newReader(root, opts.withDefaults(), &budget{})
	t := &Template{Functions: r.read(), Files: r.files}
	if r.over != nil {
		return nil, Errors{r.over}
	}
	slices.SortStableFunc(r.errs, func(a, b *Error) int { return a.Position.compare(b.Position) })
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	r.checkNames(t)
	t.Warnings = r.allWarnings()
	return t, nil
}

func (p Position) compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// budget bounds the cost of a template with all that is nested in it.
type budget struct {
	work        int      // nodes looked at
	depth       int      // of calls in each other
	bytes       int      // of texts that were made
	files       []string // nested templates
	nestedBytes int      // of them
	over        *Error   // why it ended
}

// reader works out the content of a template.
type reader struct {
	*budget
	opts Options
	root *node

	prefix   string             // of the names of functions: the applications around
	above    []string           // the files around
	withheld map[string]bool    // parameters that were given an unknown value
	children map[string]*reader // by logical id; nil for one that cannot be read
	order    []*reader          // of the children that were read

	resources  index
	parameters index
	mappings   index
	conditions index
	merged     map[string]*node // function -> its properties, with Globals

	decided map[string]verdict // of conditions
	busy    map[string]bool    // values being worked out, to find one that depends on itself
	about   string             // the subject of warnings

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

func newReader(root *node, opts Options, b *budget) *reader {
	r := &reader{
		budget: b, opts: opts, root: root,
		merged: map[string]*node{}, children: map[string]*reader{},
		decided: map[string]verdict{}, busy: map[string]bool{}, warned: map[Warning]bool{},
	}
	r.parameters = r.section("Parameters")
	r.mappings = r.section("Mappings")
	r.expandSections()
	r.resources = r.section("Resources")
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

// within does work, and returns its mistakes, which then are not the template's.
func (r *reader) within(work func()) Errors {
	outer := r.errs
	r.errs = nil
	work()
	mine := r.errs
	r.errs = outer
	return mine
}

// optional does work on something that can be left out, and warns of its mistakes.
func (r *reader) optional(what string, work func()) {
	about := r.about
	r.about = what
	for _, e := range r.within(work) {
		r.warn(e.Position, KindMistake, what, "%s; %s is left out", e.Text, what)
	}
	r.about = about
}

// maxErrors is as many as anybody reads.
const maxErrors = 20

func (r *reader) warn(at Position, kind Kind, subject, format string, args ...any) {
	w := Warning{Position: at, Kind: kind, Subject: subject, Text: fmt.Sprintf(format, args...)}
	if !r.warned[w] {
		r.warned[w] = true
		r.warnings = append(r.warnings, &w)
	}
}

// maxWarnings bounds warnings; a template for people has few.
const maxWarnings = 2_000

// spend counts the work on a node; false once the budget is used up.
func (r *reader) spend(n *node) bool {
	if r.work++; r.work >= maxWork {
		r.exhaust(n, "the template expands to more than %d values; are its aliases meant so?", maxWork)
	}
	return r.over == nil
}

// exhaust ends the reading of the template.
func (r *reader) exhaust(n *node, format string, args ...any) {
	if r.over == nil {
		r.over = &Error{n.pos, fmt.Sprintf(format, args...)}
	}
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
		functions = append(functions, r.resource(id)...)
	}
	r.addAliases(functions)
	return functions
}

// allWarnings are those of the template, and then of nested ones.
func (r *reader) allWarnings() []*Warning {
	slices.SortStableFunc(r.warnings, func(a, b *Warning) int { return a.Position.compare(b.Position) })
	all := r.warnings
	for _, child := range r.order {
		all = append(all, child.allWarnings()...)
	}
	return all[:min(len(all), maxWarnings):min(len(all), maxWarnings)]
}

// sections are what a template is made of.
var sections = []string{
	"AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Mappings", "Conditions",
	"Rules", "Globals", "Resources", "Outputs", "Hooks",
}

// The transforms that are done here, whether they are named or not.
const (
	serverless = "AWS::Serverless-2016-10-31"
	extensions = "AWS::LanguageExtensions"
)

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
		if name := m.text; name != serverless && name != extensions {
			r.warn(m.pos, KindTransform, name, "the macro %s is not applied here", quoted(cmp.Or(name, "of Transform")))
		}
	}
}

// checkOverrides refuses values for parameters that do not exist, or that the parameter does not allow.
func (r *reader) checkOverrides() {
	whole := Position{File: r.root.pos.File}
	for _, name := range slices.Sorted(maps.Keys(r.opts.Parameters)) {
		if p := r.parameters.byName[name]; p != nil {
			r.checkAllowed(name, r.opts.Parameters[name], p)
			continue
		}
		r.fail(whole, "there is no parameter %s%s", quoted(name), didYouMean(name, r.parameters.names))
	}
	for _, name := range slices.Sorted(maps.Keys(r.opts.Configured)) {
		if r.parameters.byName[name] == nil {
			r.warn(whole, KindParameter, name, "there is no parameter %s%s, for which a value is configured", quoted(name), didYouMean(name, r.parameters.names))
		}
	}
}

// checkNames leaves out a function whose name another one has.
func (r *reader) checkNames(t *Template) {
	first := map[string]*Function{}
	t.Functions = slices.DeleteFunc(t.Functions, func(f *Function) bool {
		twin := first[f.Name]
		if twin == nil {
			first[f.Name] = f
			return false
		}
		r.warn(f.Position, KindFunction, f.LogicalID, "%s is not served: it has the same name as %s, %s", f.LogicalID, twin.LogicalID, quoted(f.Name))
		return true
	})
}
