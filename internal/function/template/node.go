package template

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The bounds of a template that is read.
const (
	maxSize  = 4 << 20  // bytes; AWS takes 1 MB
	maxDepth = 100      // of nesting
	maxText  = 1 << 20  // bytes of one value
	maxWork  = 200_000  // nodes that are looked at, aliases included
	maxCalls = 200      // in each other
	maxMade  = 32 << 20 // bytes of all texts that calls result in

	maxValues = 250_000 // places where a value may begin
)

// form is the shape of a node.
type form int

const (
	scalar form = iota
	list
	mapping
)

func (f form) String() string { return [...]string{"a value", "a list", "a map"}[f] }

// node is a piece of a template. Where the template uses aliases, nodes are shared, so that they take no more room
// than the text; they are not changed.
type node struct {
	pos     Position
	form    form
	text    string // of a scalar
	null    bool   // a scalar that is null
	gone    bool   // AWS::NoValue: its owner is absent
	bare    bool   // a scalar that is a number or a truth value, and no text
	odd     string // why AWS reads the text of a scalar differently; or empty
	items   []*node
	entries []entry
	// call is the intrinsic function of the node, by its long name such as Fn::Sub; arg is its argument. The node's
	// own form and content then do not matter.
	call string
	arg  *node

	height int  // of what is below it
	loops  bool // Fn::ForEach is somewhere below it
}

// set makes n a scalar of some value.
func (n *node) set(v scalarValue) { n.text, n.null, n.bare, n.odd = v.text, v.null, v.bare, v.odd }

type entry struct {
	key   *node
	value *node
}

// kind words what a node is, for errors.
func (n *node) kind() string {
	if n.call != "" {
		return shortName(n.call)
	}
	return n.form.String()
}

// get returns the value of a key; nil if there is none.
func (n *node) get(key string) *node {
	if n == nil || n.call != "" {
		return nil
	}
	for _, e := range n.entries {
		if e.key.text == key {
			return e.value
		}
	}
	return nil
}

// parse reads the bytes of a template.
func parse(file string, data []byte) (*node, *Error) {
	whole := Position{File: file}
	if len(data) > maxSize {
		return nil, checkSize(whole, data)
	}
	data, problem := decode(whole, data)
	if problem == nil {
		problem = checkSize(whole, data)
	}
	if problem != nil {
		return nil, problem
	}
	if isJSON(data) {
		return parseJSON(file, data)
	}
	root, problem := parseYAML(file, data)
	if problem != nil && looksLikeJSON(file, data) {
		if _, better := parseJSON(file, data); better != nil {
			return nil, better
		}
	}
	if problem == nil && (root.form != mapping || root.call != "") {
		problem = &Error{root.pos, "this is no template: a map with Resources is wanted, not " + root.form.String()}
	}
	return root, problem
}

func parseYAML(file string, data []byte) (*node, *Error) {
	whole := Position{File: file}
	loader, err := yaml.NewLoader(strings.NewReader(string(data)))
	if err != nil {
		return nil, &Error{whole, err.Error()}
	}
	var document yaml.Node
	if err := loader.Load(&document); err != nil {
		return nil, notYAML(whole, err)
	}
	c := converter{file: file, known: map[*yaml.Node]*node{}}
	root := c.convert(&document, 0)
	if c.err != nil {
		return nil, c.err
	}
	var second yaml.Node
	if err := loader.Load(&second); err == nil {
		return nil, &Error{c.at(&second), "a second document begins here; a template is one"}
	} else if !errors.Is(err, io.EOF) {
		return nil, notYAML(whole, err)
	}
	return root, nil
}

func notYAML(at Position, err error) *Error {
	if errors.Is(err, io.EOF) {
		return &Error{at, "the template is empty"}
	}
	var where *yaml.LoadError
	if !errors.As(err, &where) {
		return &Error{at, "this is not YAML: " + oneLine(err.Error())}
	}
	at.Line, at.Column = max(where.Mark.Line, 1), max(where.Mark.Column, 1)
	return &Error{at, "this is not YAML: " + oneLine(where.Message)}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// converter makes nodes of YAML's nodes, and finds things that YAML allows and a template does not.
type converter struct {
	file   string
	known  map[*yaml.Node]*node // of what has an anchor; nil while it is converted
	merged int                  // entries that merge keys brought
	err    *Error               // the first
}

func (c *converter) at(y *yaml.Node) Position {
	return Position{File: c.file, Line: y.Line, Column: y.Column}
}

func (c *converter) fail(y *yaml.Node, format string, args ...any) *node {
	return c.failAt(c.at(y), format, args...)
}

func (c *converter) failAt(at Position, format string, args ...any) *node {
	if c.err == nil {
		c.err = &Error{at, fmt.Sprintf(format, args...)}
	}
	return &node{pos: at}
}

func (c *converter) convert(y *yaml.Node, depth int) *node {
	switch {
	case c.err != nil:
		return &node{pos: c.at(y)}
	case depth > maxDepth:
		return c.fail(y, "nested more than %d levels deep", maxDepth)
	case y.Kind == yaml.DocumentNode && len(y.Content) > 0:
		return c.convert(y.Content[0], depth)
	case y.Kind == yaml.AliasNode:
		return c.alias(y)
	}
	if y.Anchor != "" {
		c.known[y] = nil
	}
	n := c.content(y, depth)
	n.measure()
	if n.height > maxDepth { // more than the text's own, by aliases
		return c.fail(y, "nested more than %d levels deep", maxDepth)
	}
	if y.Anchor != "" {
		c.known[y] = n
	}
	return n
}

func (n *node) measure() {
	below := func(part *node) {
		n.height, n.loops = max(n.height, part.height+1), n.loops || part.loops
	}
	for _, item := range n.items {
		below(item)
	}
	for _, e := range n.entries {
		below(e.value)
		n.loops = n.loops || isLoop(e.key.text)
	}
	if n.arg != nil {
		below(n.arg)
	}
}

func (c *converter) alias(y *yaml.Node) *node {
	n, begun := c.known[y.Alias]
	switch {
	case begun && n == nil:
		return c.fail(y, "the alias *%s is inside of what it stands for", y.Value)
	case n == nil:
		return c.fail(y, "the alias *%s stands for nothing", y.Value)
	}
	return n
}

func (c *converter) content(y *yaml.Node, depth int) *node {
	n := &node{pos: c.at(y)}
	switch y.Kind {
	case yaml.SequenceNode:
		n.form = list
		for _, item := range y.Content {
			n.items = append(n.items, c.convert(item, depth+1))
		}
	case yaml.MappingNode:
		n.form = mapping
		c.entries(n, y, depth)
	case yaml.ScalarNode:
		n.set(scalarOf(y))
		if !utf8.ValidString(y.Value) {
			return c.fail(y, "this text is not valid UTF-8")
		}
	default:
		return c.fail(y, "this is not understood")
	}
	return n.intrinsic(y.Tag)
}

// scalarOf is the meaning of a scalar: quoted ones are text, and so are those with a template's tag, such as !Ref.
func scalarOf(y *yaml.Node) scalarValue {
	const quotes = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	tagged := y.Style&yaml.TaggedStyle != 0
	switch {
	case tagged && slices.Contains([]string{"!!int", "!!float", "!!bool", "!!null"}, y.Tag):
		return plainYAML(y.Value)
	case tagged, y.Style&quotes != 0, strings.HasPrefix(y.Tag, "!") && !strings.HasPrefix(y.Tag, "!!"):
		return scalarValue{text: y.Value}
	}
	return plainYAML(y.Value)
}

func (c *converter) entries(n *node, y *yaml.Node, depth int) {
	given := make(map[string]Position, len(y.Content)/2)
	places := make(map[string]int, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content) && c.err == nil; i += 2 {
		key, value := c.key(y.Content[i], depth+1), c.convert(y.Content[i+1], depth+1)
		first, twice := given[key.text]
		switch {
		case c.err != nil:
		case key.form != scalar || key.call != "":
			c.fail(y.Content[i], "a key is text, not %s", key.form)
		case key.text == "<<" && y.Content[i].Tag == "!!merge":
			c.merge(n, places, value, y.Content[i])
		case twice:
			c.fail(y.Content[i], "%q is given twice, first in line %d", key.text, first.Line)
		default:
			given[key.text] = key.pos
			n.put(places, entry{key, value})
		}
	}
}

// key is a key as it is written: a variable called yes is not called true.
func (c *converter) key(y *yaml.Node, depth int) *node {
	from := y
	if y.Kind == yaml.AliasNode && y.Alias != nil {
		from = y.Alias
	}
	n := c.convert(y, depth)
	if from.Kind == yaml.ScalarNode && n.call == "" && n.text != from.Value {
		written := *n
		written.text = from.Value
		return &written
	}
	return n
}

// put sets a key, in place of one that was merged.
func (n *node) put(places map[string]int, e entry) {
	if i, merged := places[e.key.text]; merged {
		n.entries[i] = e
		return
	}
	places[e.key.text] = len(n.entries)
	n.entries = append(n.entries, e)
}

// merge adds the entries of YAML's merge key that the map lacks.
func (c *converter) merge(n *node, places map[string]int, from *node, y *yaml.Node) {
	sources := []*node{from}
	if from.form == list && from.call == "" {
		sources = from.items
	}
	for _, source := range sources {
		if c.merged += len(source.entries); c.merged > maxWork {
			c.fail(y, "the template merges too much")
		}
		if source.form != mapping || source.call != "" {
			c.fail(y, "only maps can be merged with <<, not %s", source.form)
		}
		if c.err != nil {
			return
		}
		for _, e := range source.entries {
			if _, has := places[e.key.text]; !has {
				n.put(places, e)
			}
		}
	}
}

// intrinsic recognises the two ways of writing a call: !Sub x and {Fn::Sub: x}.
func (n *node) intrinsic(tag string) *node {
	if name, short := strings.CutPrefix(tag, "!"); short && !strings.HasPrefix(name, "!") && name != "" {
		arg := *n
		return &node{pos: n.pos, form: n.form, call: longName(name), arg: &arg}
	}
	if n.form == mapping && len(n.entries) == 1 {
		if name := n.entries[0].key.text; name == "Ref" || strings.HasPrefix(name, "Fn::") && !isLoop(name) {
			n.call, n.arg = name, n.entries[0].value
		}
	}
	return n
}

func longName(short string) string {
	if short == "Ref" || short == "Condition" {
		return short
	}
	return "Fn::" + short
}
