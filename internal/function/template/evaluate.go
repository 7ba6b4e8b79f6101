package template

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// resolve works out the calls at n itself: the result is a scalar, a list or a map, whose parts may still be calls.
// It returns nil for values that cannot be known here, of which a warning tells, and for a mistake. AWS::NoValue is
// null and gone.
func (r *reader) resolve(n *node) *node {
	if r.depth++; r.depth > maxCalls {
		r.depth--
		if n != nil {
			r.fail(n.pos, "this depends on itself, or on too much")
		}
		return nil
	}
	defer func() { r.depth-- }()
	for n != nil && n.call != "" {
		if !r.spend(n) {
			return nil
		}
		n = r.evaluate(n)
	}
	if n == nil || !r.spend(n) {
		return nil
	}
	return n
}

// evaluate makes one call.
func (r *reader) evaluate(n *node) *node {
	switch n.call {
	case "Ref":
		return r.ref(n)
	case "Fn::GetAtt":
		return r.getAtt(n)
	case "Fn::Sub":
		return r.sub(n)
	case "Fn::Join":
		return r.join(n)
	case "Fn::Select":
		return r.selectItem(n)
	case "Fn::Split":
		return r.split(n)
	case "Fn::If":
		return r.choose(n)
	case "Fn::FindInMap":
		return r.findInMap(n)
	case "Fn::Base64":
		text, ok := r.text(n.arg)
		if !ok {
			return nil
		}
		return r.made(n, base64.StdEncoding.EncodeToString([]byte(text)))
	case "Fn::Length":
		return r.length(n)
	case "Fn::ToJsonString":
		return r.toJSON(n)
	case "Fn::Cidr":
		return r.cidr(n)
	case "Fn::ImportValue", "Fn::GetAZs", "Fn::Transform", "Fn::GetStackOutput":
		r.unknown(n, KindIntrinsic, n.call, "what %s stands for is known to AWS only", shortName(n.call))
		return nil
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Condition":
		r.fail(n.pos, "%s stands in conditions only", shortName(n.call))
		return nil
	}
	r.unknown(n, KindIntrinsic, n.call, "%s cannot be worked out here", quoted(shortName(n.call)))
	return nil
}

func shortName(call string) string { return strings.TrimPrefix(call, "Fn::") }

// unknown warns that a value cannot be known, and what follows.
func (r *reader) unknown(n *node, kind Kind, subject, format string, args ...any) {
	if r.about != "" {
		format += "; %s is left out"
		args = append(args, r.about)
	}
	r.warn(n.pos, kind, subject, format, args...)
}

// made is the text that a call resulted in.
func (r *reader) made(n *node, text string) *node {
	if len(text) > maxText {
		r.fail(n.pos, "%s makes a text of more than %d bytes", shortName(n.call), maxText)
		return nil
	}
	if r.bytes += len(text); r.bytes > maxMade {
		r.exhaust(n, "the texts that the template makes have more than %d bytes", maxMade)
		return nil
	}
	return &node{pos: n.pos, text: text}
}

// text works out a single value; false if it is absent, or no text.
func (r *reader) text(n *node) (string, bool) {
	v := r.resolve(n)
	switch {
	case v == nil || v.form == scalar && v.null:
		return "", false
	case v.form != scalar:
		r.fail(v.pos, "a single value is wanted here, not %s", v.form)
		return "", false
	case strings.Contains(v.text, "{{resolve:"):
		r.unknown(v, KindReference, v.text, "%s is looked up by AWS only", quoted(v.text))
		return "", false
	case v.odd != "":
		r.unknown(v, KindIntrinsic, v.text, "%s %s: put it between quotes", v.text, v.odd)
		return "", false
	}
	return v.text, true
}

// values works out a list, without absent values.
func (r *reader) values(n *node) ([]*node, bool) {
	v := r.resolve(n)
	if v == nil {
		return nil, false
	}
	if v.gone {
		return nil, false
	}
	if v.form != list {
		r.fail(v.pos, "a list is wanted here, not %s", v.form)
		return nil, false
	}
	var items []*node
	for _, item := range v.items {
		if item = r.resolve(item); item == nil {
			return nil, false
		}
		if !item.gone {
			items = append(items, item)
		}
	}
	return items, true
}

// arguments are those of a call that takes between least and most of them.
func (r *reader) arguments(n *node, least, most int, usage string) ([]*node, bool) {
	arg := n.arg
	if arg.form != list || arg.call != "" || len(arg.items) < least || len(arg.items) > most {
		r.fail(n.pos, "%s takes %s", shortName(n.call), usage)
		return nil, false
	}
	return arg.items, true
}

func (r *reader) join(n *node) *node {
	args, ok := r.arguments(n, 2, 2, "a separator and a list")
	if !ok {
		return nil
	}
	separator, ok1 := r.text(args[0])
	items, ok2 := r.values(args[1])
	if !ok1 || !ok2 {
		return nil
	}
	var texts []string
	size := 0
	for _, item := range items {
		text, ok := r.text(item)
		if !ok {
			return nil
		}
		if size += len(text) + len(separator); size > maxText+len(separator) {
			return r.made(n, strings.Repeat(" ", maxText+1)) // which is refused
		}
		texts = append(texts, text)
	}
	return r.made(n, strings.Join(texts, separator))
}

func (r *reader) selectItem(n *node) *node {
	args, ok := r.arguments(n, 2, 2, "an index and a list")
	if !ok {
		return nil
	}
	text, ok1 := r.text(args[0])
	items, ok2 := r.values(args[1])
	if !ok1 || !ok2 {
		return nil
	}
	i, err := strconv.Atoi(text)
	if err != nil || i < 0 || i >= len(items) {
		r.fail(n.pos, "Select: %s is no index of a list of %d", quoted(text), len(items))
		return nil
	}
	return items[i]
}

func (r *reader) split(n *node) *node {
	args, ok := r.arguments(n, 2, 2, "a separator and a text")
	if !ok {
		return nil
	}
	separator, ok1 := r.text(args[0])
	text, ok2 := r.text(args[1])
	if !ok1 || !ok2 {
		return nil
	}
	if separator == "" {
		r.fail(n.pos, "Split: the separator is empty")
		return nil
	}
	return r.texts(n, strings.Split(text, separator))
}

// texts is the list of texts that a call resulted in.
func (r *reader) texts(n *node, texts []string) *node {
	v := &node{pos: n.pos, form: list}
	for _, text := range texts {
		v.items = append(v.items, &node{pos: n.pos, text: text})
	}
	r.work += len(texts)
	return v
}

func (r *reader) choose(n *node) *node {
	args, ok := r.arguments(n, 3, 3, "a condition and two values")
	if !ok {
		return nil
	}
	name, ok := r.text(args[0])
	if !ok {
		return nil
	}
	switch r.condition(name, args[0].pos) {
	case holds:
		return args[1]
	case fails:
		return args[2]
	}
	return nil
}

// find returns the value of a key that is given as a value: yes is true.
func (n *node) find(key string) *node {
	if v := n.get(key); v != nil || n == nil || n.call != "" {
		return v
	}
	for _, e := range n.entries {
		if plainYAML(e.key.text).text == key {
			return e.value
		}
	}
	return nil
}

func (r *reader) findInMap(n *node) *node {
	args, ok := r.arguments(n, 3, 4, "the name of a mapping and two keys")
	if !ok {
		return nil
	}
	var names [3]string
	for i := range names {
		if names[i], ok = r.text(args[i]); !ok {
			return nil
		}
	}
	if v := r.mappings.byName[names[0]].find(names[1]).find(names[2]); v != nil && v.call == "" {
		return v
	}
	if len(args) == 4 {
		if v := args[3].get("DefaultValue"); v != nil {
			return v
		}
	}
	r.fail(n.pos, "FindInMap: there is no %s in the Mappings", quoted(strings.Join(names[:], ".")))
	return nil
}
