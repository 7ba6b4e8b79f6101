package template

import (
	"path"
	"slices"
	"strings"
)

// The types of nested applications.
const (
	typeApplication = "AWS::Serverless::Application"
	typeStack       = "AWS::CloudFormation::Stack"
)

func isNested(typ string) bool { return typ == typeApplication || typ == typeStack }

const (
	maxNesting   = 10  // templates in each other
	maxTemplates = 100 // nested ones, in all
)

// nested reads the functions of a nested application.
func (r *reader) nested(id string) []*Function {
	child := r.child(id)
	if child == nil {
		return nil
	}
	functions := child.read()
	for _, e := range child.errs {
		r.warn(e.Position, KindNested, id, "%s; the functions of %s are left out", e.Text, id)
	}
	if len(child.errs) > 0 {
		return nil
	}
	return functions
}

// child returns the reader of a nested application; nil if it is not here, with one warning.
func (r *reader) child(id string) *reader {
	if child, known := r.children[id]; known {
		return child
	}
	r.children[id] = nil // while it is read, and if it cannot be
	about := r.about
	r.about = ""
	mistakes := r.within(func() { r.children[id] = r.openChild(id) })
	r.about = about
	for _, e := range mistakes {
		r.warn(e.Position, KindNested, id, "%s; the functions of %s are left out", e.Text, id)
	}
	if child := r.children[id]; child != nil {
		r.order = append(r.order, child)
	}
	return r.children[id]
}

func (r *reader) openChild(id string) *reader {
	resource, key := r.resources.byName[id], r.resources.keys[id]
	properties := resource.get("Properties")
	location := properties.get("Location")
	if typeOf(resource) == typeStack {
		location = properties.get("TemplateURL")
	}
	if location == nil {
		r.fail(key.pos, "%s does not say where its template is", id)
		return nil
	}
	v := r.resolve(location)
	if v == nil || v.form != scalar || strings.Contains(v.text, "://") {
		r.fail(location.pos, "the template of %s is not on this machine", id)
		return nil
	}
	file := v.text
	if !path.IsAbs(file) {
		file = path.Join(path.Dir(r.root.pos.File), file)
	}
	return r.readChild(id, file, v.pos, properties)
}

// readChild reads the template file of the nested application id.
func (r *reader) readChild(id, file string, at Position, properties *node) *reader {
	above := append(slices.Clone(r.above), path.Clean(r.root.pos.File))
	switch {
	case r.opts.Read == nil:
		r.fail(at, "the template %s of %s is not read here", quoted(file), id)
		return nil
	case slices.Contains(above, path.Clean(file)):
		r.fail(at, "the template %s is nested in itself", quoted(file))
		return nil
	case len(above) > maxNesting || len(r.files) >= maxTemplates:
		r.fail(at, "too many templates are nested")
		return nil
	}
	r.files = append(r.files, file)
	data, err := r.opts.Read(file)
	if err != nil {
		r.fail(at, "the template of %s cannot be read: %v", id, err)
		return nil
	}
	if r.nestedBytes += len(data); r.nestedBytes > maxSize {
		r.fail(at, "the nested templates have more than %d bytes", maxSize)
		return nil
	}
	root, problem := parse(file, data)
	if problem != nil {
		r.fail(problem.Position, "%s", problem.Text)
		return nil
	}
	opts, withheld := r.childOptions(id, properties.get("Parameters"))
	child := newReader(root, opts, r.budget)
	child.prefix, child.above, child.withheld = r.prefix+id+"-", above, withheld
	return child
}

// childOptions are those of a nested template: the parameters that it is given, and none of the whole's.
func (r *reader) childOptions(id string, given *node) (Options, map[string]bool) {
	opts, withheld := r.opts, map[string]bool{}
	opts.StackName += "-" + id
	opts.Configured, opts.Parameters = map[string]string{}, nil
	v := r.resolve(given)
	if v == nil || v.form != mapping {
		return opts, withheld
	}
	for _, e := range v.entries {
		name := e.key.text
		r.optional("the parameter "+name+" of "+id, func() {
			value := r.resolve(e.value)
			if value != nil && value.gone {
				return
			}
			if text, ok := r.comparable(value); ok {
				opts.Configured[name] = text
			} else {
				withheld[name] = true
			}
		})
	}
	return opts, withheld
}

// output is an output of a nested application, for n.
func (r *reader) output(n *node, id, name string) *node {
	child := r.child(id)
	if child == nil {
		r.unknown(n, KindReference, id+".Outputs."+name, "the output %s of %s is not known here", name, id)
		return nil
	}
	output := child.section("Outputs").byName[name]
	key := "output " + name
	switch {
	case output == nil:
		r.fail(n.pos, "%s has no output %s", id, quoted(name))
		return nil
	case child.busy[key]:
		r.fail(n.pos, "the output %s of %s depends on itself", name, id)
		return nil
	}
	child.busy[key] = true
	defer delete(child.busy, key)
	about := child.about
	child.about = r.about
	defer func() { child.about = about }()
	var text string
	var ok bool
	mistakes := child.within(func() { text, ok = child.text(output.get("Value")) })
	for _, e := range mistakes {
		r.fail(n.pos, "the output %s of %s: %s", name, id, e.Text)
	}
	if !ok {
		return nil
	}
	return r.made(n, text)
}
