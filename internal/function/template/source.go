package template

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"unicode/utf16"
	"unicode/utf8"
)

// decode returns the text of a file as UTF-8, without a byte order mark.
func decode(whole Position, data []byte) ([]byte, *Error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return data[3:], nil
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return nil, &Error{whole, "the template is UTF-32; save it as UTF-8"}
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return decode16(whole, data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return decode16(whole, data[2:], binary.BigEndian)
	}
	return data, nil
}

func decode16(whole Position, data []byte, order binary.ByteOrder) ([]byte, *Error) {
	if len(data)%2 != 0 {
		return nil, &Error{whole, "the template begins as UTF-16, and ends in the middle of a character; save it as UTF-8"}
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units))), nil
}

// checkSize refuses a text that would take too much memory: each value, however short, takes some hundred bytes.
func checkSize(whole Position, data []byte) *Error {
	if len(data) > maxSize {
		return &Error{whole, fmt.Sprintf("the template has %d bytes; the most is %d", len(data), maxSize)}
	}
	values := 0
	for _, c := range data {
		switch c {
		case '\n', '\r', ',', '[', '{', ':', '-', '?':
			values++
		}
	}
	if values > maxValues {
		return &Error{whole, fmt.Sprintf("the template has more than %d values", maxValues)}
	}
	return nil
}

// isJSON reports whether data is JSON. YAML would read most of it, too, but not JSON's escapes of characters beyond
// 16 bits.
func isJSON(data []byte) bool {
	text := bytes.TrimLeft(data, " \t\r\n")
	return len(text) > 0 && text[0] == '{' && json.Valid(text)
}

// looksLikeJSON reports whether data is meant as JSON, with a mistake in it.
func looksLikeJSON(file string, data []byte) bool {
	text := bytes.TrimLeft(data, " \t\r\n")
	return len(text) > 0 && text[0] == '{' && path.Ext(file) == ".json"
}

// jsonReader makes nodes of JSON.
type jsonReader struct {
	converter
	data   []byte
	tokens *json.Decoder
	// from here on, lines and columns are not counted yet
	offset       int
	line, column int
}

func parseJSON(file string, data []byte) (*node, *Error) {
	j := &jsonReader{
		converter: converter{file: file}, data: data, tokens: json.NewDecoder(bytes.NewReader(data)),
		line: 1, column: 1,
	}
	j.tokens.UseNumber()
	root := j.value(0)
	return root, j.err
}

// next returns a token and where it begins.
func (j *jsonReader) next() (json.Token, Position) {
	from := int(j.tokens.InputOffset())
	for from < len(j.data) && bytes.IndexByte([]byte(" \t\r\n,:"), j.data[from]) >= 0 {
		from++
	}
	for j.offset < from {
		c, size := utf8.DecodeRune(j.data[j.offset:])
		j.offset += size
		j.column++
		if c == '\n' {
			j.line, j.column = j.line+1, 1
		}
	}
	at := Position{File: j.file, Line: j.line, Column: j.column}
	token, err := j.tokens.Token()
	if err != nil && err != io.EOF && j.err == nil {
		j.err = &Error{at, "this is not JSON: " + oneLine(err.Error())}
	}
	return token, at
}

func (j *jsonReader) value(depth int) *node {
	token, at := j.next()
	n := &node{pos: at}
	switch {
	case j.err != nil:
		return n
	case depth > maxDepth:
		return j.failAt(at, "nested more than %d levels deep", maxDepth)
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			n.form = mapping
			j.object(n, depth)
		} else {
			n.form = list
			for j.err == nil && j.tokens.More() {
				n.items = append(n.items, j.value(depth+1))
			}
		}
		_, _ = j.next() // the closing bracket
	case string:
		n.text = v
	case json.Number:
		n.set(plainJSON(v.String()))
	case bool:
		n.text, n.bare = fmt.Sprint(v), true
	default:
		n.null = true
	}
	n = n.intrinsic("")
	n.measure()
	return n
}

func (j *jsonReader) object(n *node, depth int) {
	given := map[string]Position{}
	for j.err == nil && j.tokens.More() {
		token, at := j.next()
		text, _ := token.(string)
		if first, twice := given[text]; twice {
			j.failAt(at, "%s is given twice, first in line %d", quoted(text), first.Line)
			return
		}
		given[text] = at
		n.entries = append(n.entries, entry{&node{pos: at, text: text}, j.value(depth + 1)})
	}
}
