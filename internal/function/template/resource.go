package template

import (
	"slices"
	"strings"
)

// silent are resources that nobody misses here. A type that ends in * stands for all with that beginning.
var silent = []string{
	"AWS::IAM::*", "AWS::Logs::LogGroup", "AWS::Lambda::Permission", "AWS::CDK::Metadata",
	typeAlias, typeVersion,
}

// resource reads a resource, and returns its functions.
func (r *reader) resource(id string) []*Function {
	n, key := r.resources.byName[id], r.resources.keys[id]
	if id == "Fn::Transform" {
		r.warn(key.pos, KindTransform, id, "what Fn::Transform makes is known to AWS only; it is left out")
		return nil
	}
	typ := typeOf(n)
	var wanted bool
	mistakes := r.within(func() {
		switch {
		case n.form != mapping || n.call != "":
			r.fail(n.pos, "the resource %s is a map with a Type, not %s", quoted(id), n.kind())
		case typ == "":
			r.fail(key.pos, "the resource %s has no Type", quoted(id))
		default:
			wanted = r.wanted(id, n)
		}
	})
	for _, e := range mistakes {
		if isFunction(typ) {
			r.warn(e.Position, KindFunction, id, "%s is not served: %s", id, e.Text)
		} else {
			r.warn(e.Position, KindMistake, id, "%s; %s is left out", e.Text, quoted(id))
		}
	}
	switch {
	case !wanted:
		return nil
	case isFunction(typ):
		if f := r.function(id); f != nil {
			return []*Function{f}
		}
		return nil
	case isNested(typ):
		return r.nested(id)
	}
	if !slices.ContainsFunc(silent, func(pattern string) bool { return matches(pattern, typ) }) {
		r.warn(key.pos, KindResource, id, "%s (%s) is not created here", id, typ)
	}
	return nil
}

func matches(pattern, typ string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(typ, prefix)
	}
	return pattern == typ
}

// wanted reports whether the condition of a resource holds.
func (r *reader) wanted(id string, n *node) bool {
	c := n.get("Condition")
	if c == nil {
		return true
	}
	if c.form != scalar || c.call != "" {
		r.fail(c.pos, "the Condition of %s is the name of one", id)
		return false
	}
	switch r.condition(c.text, c.pos) {
	case holds:
		return true
	case unknown:
		if len(r.errs) == 0 && (isFunction(typeOf(n)) || isNested(typeOf(n))) {
			r.fail(c.pos, "it is not known whether its condition %s holds", quoted(c.text))
		}
	}
	return false
}

// addAliases adds aliases that are resources of their own.
func (r *reader) addAliases(functions []*Function) {
	for _, id := range r.resources.names {
		n := r.resources.byName[id]
		if typeOf(n) != typeAlias {
			continue
		}
		r.optional("the alias "+id, func() {
			properties := n.get("Properties")
			if !r.wanted(id, n) {
				return
			}
			name, ok1 := r.text(properties.get("Name"))
			target, ok2 := r.text(properties.get("FunctionName"))
			for _, f := range functions {
				if ok1 && ok2 && (f.Name == target || r.arnOf(f.Name, "") == target) {
					f.addAlias(name)
				}
			}
		})
	}
}

func (f *Function) addAlias(name string) {
	if !slices.Contains(f.Aliases, name) {
		f.Aliases = append(f.Aliases, name)
	}
}
