package transport

import (
	"encoding/json"

	"github.com/perdure/perdure/protocol"
)

// jsonReader reads JSON whose shape is known, without reflection. It is not ok
// as soon as it meets what was not expected; what it returns after that means
// nothing.
type jsonReader struct {
	data    []byte
	pos     int
	ok      bool
	dialect protocol.Dialect
	seen    map[string]string // names, types and statuses repeat
}

// space moves over white space and returns the next byte, 0 at the end.
func (r *jsonReader) space() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take moves over c.
func (r *jsonReader) take(c byte) {
	if r.space() != c {
		r.ok = false
		return
	}
	r.pos++
}

func (r *jsonReader) object(member func(key string)) {
	r.list('{', '}', func() {
		key := r.word()
		r.take(':')
		if r.ok {
			member(key)
		}
	})
}

func (r *jsonReader) array(element func()) { r.list('[', ']', element) }

func (r *jsonReader) list(begin, end byte, element func()) {
	r.take(begin)
	if r.ok && r.space() == end {
		r.pos++
		return
	}
	for r.ok {
		element()
		if r.space() == end {
			r.pos++
			return
		}
		r.take(',')
	}
}

// null moves over a null, if there is one.
func (r *jsonReader) null() bool {
	if r.space() != 'n' {
		return false
	}
	r.skip()
	return true
}

// raw moves over a string without escapes and returns what is between the
// quotes; false if it has escapes.
func (r *jsonReader) raw() ([]byte, bool) {
	if r.space() != '"' {
		return nil, false
	}
	for i := r.pos + 1; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			s := r.data[r.pos+1 : i]
			r.pos = i + 1
			return s, true
		case c == '\\' || c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// word is a text that is likely to come again.
func (r *jsonReader) word() string {
	raw, ok := r.raw()
	if !ok {
		return r.text()
	}
	s, ok := r.seen[string(raw)]
	if !ok {
		if r.seen == nil {
			r.seen = make(map[string]string)
		}
		s = string(raw)
		r.seen[s] = s
	}
	return s
}

func (r *jsonReader) text() string {
	raw, ok := r.raw()
	if ok {
		return string(raw)
	}
	if r.space() == '"' {
		return r.escaped()
	}
	var s string
	r.value(&s)
	return s
}

// escaped reads a string with escapes, of which payloads, being JSON inside
// JSON, are full. The rare \u is left to encoding/json.
func (r *jsonReader) escaped() string {
	start := r.pos
	buf := make([]byte, 0, 64)
	for i := r.pos + 1; i < len(r.data); i++ {
		c := r.data[i]
		if c == '"' {
			r.pos = i + 1
			return string(buf)
		}
		if c == '\\' && i+1 < len(r.data) {
			i++
			if c = unescape[r.data[i]]; c == 0 {
				break
			}
		} else if c < ' ' {
			break
		}
		buf = append(buf, c)
	}
	r.pos = start
	var s string
	r.value(&s)
	return s
}

var unescape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// number reads a whole number of a size that never overflows.
func (r *jsonReader) number() (n int64) {
	r.space()
	start := r.pos
	for ; r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9'; r.pos++ {
		n = n*10 + int64(r.data[r.pos]-'0')
	}
	digits := r.pos - start
	r.ok = r.ok && digits > 0 && digits < 18 && (digits == 1 || r.data[start] != '0')
	return n
}

// numeral moves over what a number is made of.
func (r *jsonReader) numeral() []byte {
	r.space()
	start := r.pos
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; {
		case '0' <= c && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
		default:
			return r.data[start:r.pos]
		}
	}
	return r.data[start:]
}

// skip moves over one value.
func (r *jsonReader) skip() {
	var v json.RawMessage
	r.value(&v)
}

// value leaves one value to encoding/json.
func (r *jsonReader) value(v any) {
	if !r.ok {
		return
	}
	r.space()
	end := valueEnd(r.data[r.pos:])
	if json.Unmarshal(r.data[r.pos:r.pos+end], v) != nil {
		r.ok = false
		return
	}
	r.pos += end
}

// valueEnd is where the value at the start of data ends, if it is valid.
func valueEnd(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']' || c == ',') && depth == 0:
			return i
		case c == '}' || c == ']':
			depth--
		}
	}
	return len(data)
}
