package template

import "strings"

// sub is Sub: a text with ${…} in it, alone or in a list with a map of variables.
func (r *reader) sub(n *node) *node {
	pattern, variables := n.arg, (*node)(nil)
	if n.arg.form == list && n.arg.call == "" {
		args, ok := r.arguments(n, 1, 2, "a text, or a text and a map of variables")
		if !ok {
			return nil
		}
		pattern = args[0]
		if len(args) == 2 {
			variables = args[1]
		}
	}
	text, ok := r.text(pattern)
	if !ok {
		return nil
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return r.made(n, b.String())
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			r.fail(n.pos, "Sub: a ${ is not closed")
			return nil
		}
		value, ok := r.variable(n, strings.TrimSpace(name), variables)
		if !ok {
			return nil
		}
		if b.WriteString(value); b.Len() > maxText {
			return r.made(n, b.String()) // which is refused
		}
		text = after
	}
}

// variable is the value of ${name}.
func (r *reader) variable(n *node, name string, variables *node) (string, bool) {
	if literal, ok := strings.CutPrefix(name, "!"); ok {
		return "${" + literal + "}", true
	}
	if v := variables.get(name); v != nil {
		return r.text(v)
	}
	if name == "AWS::NoValue" {
		return "", true
	}
	if id, attribute, ok := strings.Cut(name, "."); ok && r.parameters.byName[name] == nil && !r.samProperty(id, attribute) {
		return r.text(r.attribute(n, id, attribute))
	}
	return r.text(r.refer(n, name))
}

// samProperty reports whether SAM lets Ref name id.name.
func (r *reader) samProperty(id, name string) bool {
	return (name == "Version" || name == "Alias") && typeOf(r.resources.byName[id]) == typeServerless
}
