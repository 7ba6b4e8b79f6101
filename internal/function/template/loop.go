package template

import (
	"slices"
	"strings"
)

// isLoop reports whether a key is a loop of the language extensions.
func isLoop(key string) bool { return strings.HasPrefix(key, "Fn::ForEach") }

// loops expands Fn::ForEach.
type loops struct {
	*reader
	values map[string]string // of the identifiers around
}

// expand returns n with its loops expanded. It leaves out what cannot be expanded, with a warning.
func (r *reader) expand(n *node) *node {
	if n == nil || !n.loops {
		return n
	}
	return (&loops{reader: r, values: map[string]string{}}).copy(n)
}

// copy is n with values in the places of identifiers.
func (l *loops) copy(n *node) *node {
	if n == nil || !n.loops && len(l.values) == 0 || !l.spend(n) {
		return n
	}
	if n.call == "Ref" && n.arg.form == scalar {
		if value, ok := l.values[n.arg.text]; ok {
			return &node{pos: n.pos, text: value}
		}
	}
	c := *n
	c.items, c.entries, c.loops = nil, nil, false
	if n.call != "" {
		c.arg = l.copy(n.arg)
		return &c
	}
	if n.form == scalar {
		c.text = l.replaced(n.text)
		return &c
	}
	for _, item := range n.items {
		c.items = append(c.items, l.copy(item))
	}
	l.addEntries(&c, map[string]int{}, n)
	return &c
}

// addEntries copies the entries of from into the map to.
func (l *loops) addEntries(to *node, places map[string]int, from *node) {
	for _, e := range from.entries {
		if isLoop(e.key.text) {
			for _, mistake := range l.within(func() { l.loop(to, places, e) }) {
				l.warn(mistake.Position, KindMistake, e.key.text, "%s; what %s makes is left out", mistake.Text, e.key.text)
			}
			continue
		}
		key := *e.key
		key.text = l.replaced(key.text)
		if _, twice := places[key.text]; twice {
			l.fail(key.pos, "%s is made twice", quoted(key.text))
			return
		}
		to.put(places, entry{&key, l.copy(e.value)})
	}
}

// loop adds the results of one loop.
func (l *loops) loop(to *node, places map[string]int, e entry) {
	const usage = "Fn::ForEach takes an identifier, a list of values, and a map"
	parts := e.value
	if parts.form != list || parts.call != "" || len(parts.items) != 3 ||
		parts.items[0].form != scalar || parts.items[2].form != mapping || parts.items[2].call != "" {
		l.fail(parts.pos, usage)
		return
	}
	identifier, before := parts.items[0].text, l.about
	l.about = "what " + e.key.text + " makes"
	items, ok := l.reader.values(l.copy(parts.items[1]))
	l.about = before
	if !ok {
		return
	}
	if _, nested := l.values[identifier]; nested || identifier == "" {
		l.fail(parts.items[0].pos, "the identifier %s cannot be used here", quoted(identifier))
		return
	}
	defer delete(l.values, identifier)
	for _, item := range items {
		text, ok := l.text(item)
		if !ok {
			continue
		}
		l.values[identifier] = text
		l.addEntries(to, places, parts.items[2])
	}
}

// replaced is text with values for ${Identifier}, and for &{Identifier}, which keeps only the characters of a value
// that may be in a logical id.
func (l *loops) replaced(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	var pairs []string
	for name, value := range l.values {
		pairs = append(pairs, "${"+name+"}", value, "&{"+name+"}", strings.Map(alphanumeric, value))
	}
	made := strings.NewReplacer(pairs...).Replace(text)
	l.made(&node{call: "Fn::ForEach"}, made) // is counted
	return made[:min(len(made), maxText)]
}

func alphanumeric(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
		return c
	}
	return -1
}

// expandSections expands the loops of the sections that are read.
func (r *reader) expandSections() {
	if !r.root.loops {
		return
	}
	root := *r.root
	root.entries = slices.Clone(root.entries)
	for i, e := range root.entries {
		if slices.Contains([]string{"Conditions", "Resources", "Outputs"}, e.key.text) {
			root.entries[i].value = r.expand(e.value)
		}
	}
	r.root = &root
}
