package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/perdure/perdure/protocol"
)

// Bounds of what a page shows of one payload. All of it is a link away.
const (
	maxShown  = 16 << 10  // bytes of text
	maxParsed = 256 << 10 // bytes that are shown folded
	maxNodes  = 1500
	maxString = 4 << 10 // bytes of one string
	maxNested = 40
)

// payload is a payload for people: JSON folded, text as it is, cut if it is long.
type payload struct {
	ID    string // of the element, unique on the page
	Title string
	Size  int
	Tree  *node  // of JSON that is not too large
	Text  string // to read and to copy: pretty, and cut
	Cut   int    // bytes that are left out of Text
	Raw   string // where all of it is
	Note  string // what the decoder did, or why it did not
}

// node is a value of JSON.
type node struct {
	Key    string // empty for an element of an array
	Value  string // of a string, number, true, false or null
	Kind   string // string, number, word, object or array
	Inside []*node
	Count  int
	Open   bool
}

// newPayload shows a text. It returns nil for none.
func newPayload(id, title string, text *string, raw string) *payload {
	if text == nil {
		return nil
	}
	p := &payload{ID: id, Title: title, Size: len(*text), Raw: raw}
	pretty := *text
	if len(pretty) <= maxParsed {
		p.Tree = parseTree(pretty)
		var b bytes.Buffer
		if nesting(pretty) <= maxNested && json.Indent(&b, []byte(pretty), "", "  ") == nil {
			pretty = b.String()
		}
	}
	p.Text = visible(protocol.Head(pretty, maxShown))
	p.Cut = len(pretty) - len(protocol.Head(pretty, maxShown))
	return p
}

// nesting is how deep a text of JSON may be. Indented, one that is deep grows with the square of its length.
func nesting(s string) (most int) {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '[', '{':
			depth++
			most = max(most, depth)
		case ']', '}':
			depth--
		}
	}
	return most
}

// name changes the element's id, since what is shown may be shown twice.
func (p *payload) name(id string) {
	if p != nil {
		p.ID = id
	}
}

// visible writes control characters, with which terminals and readers are fooled, as signs for them.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ':
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		case r >= 0x80 && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == utf8.RuneError:
			return '�'
		}
		return r
	}, s)
}

// parseTree returns the tree of a JSON text with objects or arrays in it; nil if it is none, or too large.
func parseTree(s string) *node {
	if trimmed := strings.TrimLeft(s, " \t\r\n"); trimmed == "" || trimmed[0] != '{' && trimmed[0] != '[' {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	left := maxNodes
	root, err := parseNode(d, "", 0, &left)
	if _, end := d.Token(); err != nil || !errors.Is(end, io.EOF) {
		return nil
	}
	root.Open = true
	return root
}

var errLarge = errors.New("too large to show")

func parseNode(d *json.Decoder, key string, depth int, left *int) (*node, error) {
	if *left--; *left < 0 || depth > maxNested {
		return nil, errLarge
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	n := &node{Key: visible(protocol.Clip(key, maxString)), Open: depth < 2}
	switch v := token.(type) {
	case string:
		n.Kind, n.Value = "string", visible(protocol.Clip(v, maxString))
	case json.Number:
		n.Kind, n.Value = "number", protocol.Clip(v.String(), maxString)
	case bool, nil:
		n.Kind, n.Value = "word", strings.Replace(fmt.Sprint(v), "<nil>", "null", 1)
	case json.Delim:
		if n.Kind = "array"; v == '{' {
			n.Kind = "object"
		}
		return n, n.parseInside(d, depth, left)
	}
	return n, nil
}

func (n *node) parseInside(d *json.Decoder, depth int, left *int) error {
	for d.More() {
		key := ""
		if n.Kind == "object" {
			token, err := d.Token()
			if err != nil {
				return err
			}
			key, _ = token.(string)
		}
		child, err := parseNode(d, key, depth+1, left)
		if err != nil {
			return err
		}
		n.Inside, n.Count = append(n.Inside, child), n.Count+1
	}
	n.Open = n.Open && n.Count <= 30
	_, err := d.Token()
	return err
}

// Words says how much is in an object or an array.
func (n *node) Words() string {
	what, sign := "element", "[ ]"
	if n.Kind == "object" {
		what, sign = "member", "{ }"
	}
	if n.Count == 1 {
		return sign + " 1 " + what
	}
	return fmt.Sprintf("%s %d %ss", sign, n.Count, what)
}

// maxDifferences bounds the lines of a comparison.
const maxDifferences = 300

// differences compares two texts by lines: what differs, with a few lines around it.
func differences(before, after string) (lines []difference) {
	unified := string(diff.Diff("before", []byte(before+"\n"), "after", []byte(after+"\n")))
	_, body, _ := strings.Cut(unified, "+++ after\n")
	for line := range strings.Lines(body) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '@' && len(lines) < maxDifferences {
			lines = append(lines, difference{line[:1], line[1:]})
		}
	}
	return lines
}

// difference is a line that both texts have, or that was added or removed: " ", "+" or "-".
type difference struct{ Sign, Text string }

// Class is what it looks like.
func (d difference) Class() string {
	return map[string]string{"+": "added", "-": "removed"}[d.Sign]
}
