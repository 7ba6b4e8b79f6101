package lambdaapi

import (
	"iter"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/perdure/perdure/protocol"
)

// maxDepth bounds how deep unknown members may nest.
const maxDepth = 500

// jsonReader pulls the values that a request is known to have out of its
// body, and skips the rest. It differs from encoding/json where AWS does:
// member names are matched with their case, null is absent, and a value of the
// wrong type is refused in AWS's words.
//
// The first problem stays in err; from then on every method returns zero
// values and every loop ends.
type jsonReader struct {
	data    []byte
	pos     int
	depth   int
	first   bool // nothing of the innermost object or array was read yet
	frames  int  // of stack traces that were read
	scratch []byte
	err     error
}

func newJSONReader(data []byte) *jsonReader {
	d := &jsonReader{data: data}
	if !utf8.Valid(data) {
		d.fail("The request body is not valid UTF-8.")
	}
	return d
}

func (d *jsonReader) fail(message string) {
	if d.err == nil {
		d.err = refusal(protocol.CodeSerialization, "%s", message)
	}
}

func (d *jsonReader) malformed() {
	d.fail("The request body is not valid JSON at byte " + strconv.Itoa(d.pos) + ".")
}

// peek returns the next byte that is not white space, or 0.
func (d *jsonReader) peek() byte {
	if d.err != nil {
		return 0
	}
	for d.pos < len(d.data) {
		switch c := d.data[d.pos]; c {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return c
		}
	}
	return 0
}

func (d *jsonReader) expect(c byte) bool {
	if d.peek() != c {
		d.malformed()
		return false
	}
	d.pos++
	return true
}

// end checks that nothing follows.
func (d *jsonReader) end() {
	if d.peek() != 0 || d.pos < len(d.data) {
		d.malformed()
	}
}

// members enters the object that comes next and yields the names of its
// members. The loop must read or skip the value of each. A name is valid until
// then. Null has no members.
func (d *jsonReader) members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !d.enter('{') {
			return
		}
		for d.next('}') {
			if d.peek() != '"' {
				d.malformed()
				return
			}
			name := d.quoted()
			if !d.expect(':') || !yield(name) {
				return
			}
		}
	}
}

// elements enters the array that comes next and yields the positions of its
// elements, from 1. The loop must read or skip each. Null has no elements.
func (d *jsonReader) elements() iter.Seq[int] {
	return func(yield func(int) bool) {
		if !d.enter('[') {
			return
		}
		for i := 1; d.next(']'); i++ {
			if !yield(i) {
				return
			}
		}
	}
}

func (d *jsonReader) enter(open byte) bool {
	if !d.present(open) {
		return false
	}
	d.pos++
	d.depth++
	d.first = true
	if d.depth > maxDepth {
		d.fail("The request body nests too deep.")
	}
	return d.err == nil
}

// next moves to the next member or element, or leaves the object or array.
func (d *jsonReader) next(closing byte) bool {
	c := d.peek()
	if d.err != nil {
		return false
	}
	if c == closing {
		d.pos++
		d.depth--
		d.first = false
		return false
	}
	if !d.first && !d.expect(',') {
		return false
	}
	d.first = false
	return true
}

// present reports whether the next value, which should begin with want, is
// there at all. A point stands for a number with a fraction. It takes null and refuses every other kind of value.
func (d *jsonReader) present(want byte) bool {
	c := d.peek()
	switch {
	case d.err != nil:
		return false
	case c == want, (want == '0' || want == '.') && isNumberStart(c):
		return true
	case c == 'n':
		d.literal("null")
	default:
		d.mismatch(c, want)
	}
	return false
}

func isNumberStart(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

// mismatch refuses a value that begins with c, in AWS's words.
func (d *jsonReader) mismatch(c, want byte) {
	kinds := map[byte]string{'"': "a String", '0': "an Integer", '.': "a Double", 't': "a Boolean"}
	var got string
	switch {
	case c == '{':
		d.fail("Start of structure or map found where not expected.")
		return
	case c == '[':
		d.fail("Start of list found where not expected.")
		return
	case c == '"':
		got = "STRING_VALUE"
	case c == 't':
		got = "TRUE_VALUE"
	case c == 'f':
		got = "FALSE_VALUE"
	case isNumberStart(c):
		got = "NUMBER_VALUE"
	default:
		d.malformed()
		return
	}
	if kinds[want] == "" {
		d.fail("Unexpected field type")
		return
	}
	d.fail(got + " can not be converted to " + kinds[want])
}

func (d *jsonReader) literal(word string) {
	if len(d.data)-d.pos < len(word) || string(d.data[d.pos:d.pos+len(word)]) != word {
		d.malformed()
		return
	}
	d.pos += len(word)
}

// text reads a string. The bytes are valid until the next call; they are not
// present for null.
func (d *jsonReader) text() (b []byte, present bool) {
	if !d.present('"') {
		return nil, false
	}
	b = d.quoted()
	return b, d.err == nil
}

// string reads a string as a copy; null is empty.
func (d *jsonReader) string() string {
	b, _ := d.text()
	return string(b)
}

// optional reads a string as a copy; null is nil.
func (d *jsonReader) optional() *string {
	b, present := d.text()
	if !present {
		return nil
	}
	return new(string(b))
}

// null takes null, if that comes next.
func (d *jsonReader) null() bool {
	if d.peek() != 'n' {
		return false
	}
	d.literal("null")
	return true
}

// boolean reads true or false; null is false.
func (d *jsonReader) boolean() bool {
	if d.peek() == 'f' {
		d.literal("false")
		return false
	}
	if !d.present('t') {
		return false
	}
	d.literal("true")
	return d.err == nil
}

// integer reads a number; a fraction is cut off, as AWS does.
func (d *jsonReader) integer() (n int64, present bool) {
	if !d.present('0') {
		return 0, false
	}
	token := d.number()
	if d.err != nil {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(token), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil || math.Abs(f) >= 1<<62 {
		d.fail("NUMBER_VALUE can not be converted to an Integer")
		return 0, false
	}
	return int64(f), true
}

// double reads a number; null is zero.
func (d *jsonReader) double() float64 {
	if !d.present('.') {
		return 0
	}
	token := d.number()
	if d.err != nil {
		return 0
	}
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		d.fail("NUMBER_VALUE can not be converted to a Double")
		return 0
	}
	return f
}

// number takes a number by JSON's grammar.
func (d *jsonReader) number() []byte {
	start := d.pos
	if d.at('-') {
		d.pos++
	}
	if d.at('0') {
		d.pos++
	} else {
		d.digits()
	}
	if d.at('.') {
		d.pos++
		d.digits()
	}
	if d.at('e') || d.at('E') {
		d.pos++
		if d.at('+') || d.at('-') {
			d.pos++
		}
		d.digits()
	}
	return d.data[start:d.pos]
}

func (d *jsonReader) at(c byte) bool { return d.pos < len(d.data) && d.data[d.pos] == c }

func (d *jsonReader) digits() {
	start := d.pos
	for d.pos < len(d.data) && '0' <= d.data[d.pos] && d.data[d.pos] <= '9' {
		d.pos++
	}
	if d.pos == start {
		d.malformed()
	}
}

// skip reads over any one value.
func (d *jsonReader) skip() {
	switch c := d.peek(); {
	case c == '{':
		for range d.members() {
			d.skip()
		}
	case c == '[':
		for range d.elements() {
			d.skip()
		}
	case c == '"':
		d.quoted()
	case c == 't':
		d.literal("true")
	case c == 'f':
		d.literal("false")
	case c == 'n':
		d.literal("null")
	case isNumberStart(c):
		d.number()
	default:
		d.malformed()
	}
}

// quoted takes the string at pos and returns it without quotes and escapes: a
// piece of the body if it has no escapes, else the scratch buffer.
func (d *jsonReader) quoted() []byte {
	start := d.pos + 1
	for i, c := range d.data[start:] {
		switch {
		case c == '"':
			d.pos = start + i + 1
			return d.data[start : start+i]
		case c == '\\':
			d.pos = start + i
			return d.escaped(start)
		case c < ' ':
			d.pos = start + i
			d.malformed()
			return nil
		}
	}
	d.pos = len(d.data)
	d.malformed()
	return nil
}

// escaped continues [jsonReader.quoted] at the first escape.
func (d *jsonReader) escaped(start int) []byte {
	out := d.scratch[:0]
	for d.pos < len(d.data) {
		switch c := d.data[d.pos]; {
		case c == '"':
			out = append(out, d.data[start:d.pos]...)
			d.pos++
			d.scratch = out
			return out
		case c == '\\':
			out = append(out, d.data[start:d.pos]...)
			out = d.escape(out)
			start = d.pos
		case c < ' ':
			d.malformed()
			return nil
		default:
			d.pos++
		}
		if d.err != nil {
			return nil
		}
	}
	d.malformed()
	return nil
}

// escape appends the character that the escape at pos stands for.
func (d *jsonReader) escape(out []byte) []byte {
	if d.pos+1 >= len(d.data) {
		d.malformed()
		return out
	}
	c := d.data[d.pos+1]
	if c == 'u' {
		return utf8.AppendRune(out, d.unicode())
	}
	const names, values = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	for i := range len(names) {
		if names[i] == c {
			d.pos += 2
			return append(out, values[i])
		}
	}
	d.malformed()
	return out
}

// unicode takes a \u escape, or the two of a surrogate pair. Half a pair
// becomes the replacement character.
func (d *jsonReader) unicode() rune {
	r := d.hex()
	if r < 0 {
		d.malformed()
		return utf8.RuneError
	}
	d.pos += 6
	if !utf16.IsSurrogate(r) {
		return r
	}
	if low := d.hex(); low >= 0 {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			d.pos += 6
			return pair
		}
	}
	return utf8.RuneError
}

// hex reads the \uXXXX at pos without taking it, or returns -1.
func (d *jsonReader) hex() rune {
	if len(d.data)-d.pos < 6 || d.data[d.pos] != '\\' || d.data[d.pos+1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range d.data[d.pos+2 : d.pos+6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}
