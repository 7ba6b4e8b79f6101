package template

import (
	"slices"
	"strings"
)

// silent are resources that nobody misses here. A type that ends in * stands
// for all that begin so.
var silent = []string{
	"AWS::IAM::*", "AWS::Logs::LogGroup", "AWS::Lambda::Permission", "AWS::CDK::Metadata",
	typeAlias, typeVersion,
}

// resource reads a resource; it returns nil unless that is a function that can
// be run.
func (r *reader) resource(id string) *Function {
	n, key := r.resources.byName[id], r.resources.keys[id]
	if strings.HasPrefix(id, "Fn::") {
		r.warn(key.pos, KindIntrinsic, id, "%s is not expanded here: what it makes is left out", quoted(id))
		return nil
	}
	if n.form != mapping || n.call != "" {
		r.fail(n.pos, "the resource %s is a map with a Type, not %s", quoted(id), n.form)
		return nil
	}
	typ := typeOf(n)
	if typ == "" {
		r.fail(key.pos, "the resource %s has no Type", quoted(id))
		return nil
	}
	if !r.wanted(id, n) {
		return nil
	}
	if isFunction(typ) {
		return r.function(id)
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
	return r.condition(c.text, c.pos)
}

// addAliases adds the aliases that are resources of their own.
func (r *reader) addAliases(functions []*Function) {
	for _, id := range r.resources.names {
		n := r.resources.byName[id]
		if typeOf(n) != typeAlias || !r.wanted(id, n) {
			continue
		}
		properties := n.get("Properties")
		r.about = "the alias " + id
		name, ok1 := r.text(properties.get("Name"))
		target, ok2 := r.text(properties.get("FunctionName"))
		r.about = ""
		if !ok1 || !ok2 {
			continue
		}
		for _, f := range functions {
			if f.Name == target || r.arnOf(f.Name, "") == target {
				f.addAlias(name)
			}
		}
	}
}

func (f *Function) addAlias(name string) {
	if !slices.Contains(f.Aliases, name) {
		f.Aliases = append(f.Aliases, name)
	}
}
