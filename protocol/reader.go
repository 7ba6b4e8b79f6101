package protocol

import (
	"bytes"
	"iter"
	"math"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds how deep values may nest.
const maxDepth = 500

// Reader reads known values out of a text in the protocol's JSON, and skips the rest. Every shape of the protocol
// is read with it. It differs from encoding/json where AWS does: it matches the case of member names, takes null
// for absent, and refuses a value of the wrong type in AWS's words.
//
// The first problem stays in Err; from then on every method returns zero values and every loop ends. Strings are
// copies unless a method says otherwise.
type Reader struct {
	// MaxFrames bounds the lines of all stack traces together, unless it is zero: a small text must not become a
	// large list.
	MaxFrames int

	data    []byte
	pos     int
	depth   int
	first   bool // nothing of the innermost object or array is read yet
	frames  int  // of stack traces read so far
	scratch []byte
	words   map[string]string // those that [Reader.Word] has read
	err     *Error
}

// NewReader returns a reader of data, which must be UTF-8 and must not change while it is read.
func NewReader(data []byte) *Reader {
	r := &Reader{}
	r.Reset(data)
	return r
}

// Reset starts on other data. The bounds stay.
func (r *Reader) Reset(data []byte) {
	*r = Reader{data: data, MaxFrames: r.MaxFrames, scratch: r.scratch}
	if !utf8.Valid(data) {
		r.Fail("The request body is not valid UTF-8.")
	}
}

// NewLenientReader returns a reader that replaces bytes which are not UTF-8: a client had better lose some characters
// than the answer. data must not change while it is read.
func NewLenientReader(data []byte) *Reader {
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\ufffd"))
	}
	return &Reader{data: data}
}

// Err is the first problem, a SerializationException; nil if there is none.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Rest is the unread part. After a problem it begins there.
func (r *Reader) Rest() []byte { return r.data[r.pos:] }

// Fail refuses the text, unless it is refused already.
func (r *Reader) Fail(message string) {
	if r.err == nil {
		r.err = &Error{Code: CodeSerialization, Message: message}
	}
}

func (r *Reader) malformed() {
	r.Fail("The request body is not valid JSON at byte " + strconv.Itoa(r.pos) + ".")
}

// Peek returns the next byte that is not white space, or 0.
func (r *Reader) Peek() byte {
	if r.err == nil && r.pos < len(r.data) && r.data[r.pos] > ' ' {
		return r.data[r.pos]
	}
	return r.peek()
}

func (r *Reader) peek() byte {
	if r.err != nil {
		return 0
	}
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return c
		}
	}
	return 0
}

func (r *Reader) expect(c byte) bool {
	if r.Peek() != c {
		r.malformed()
		return false
	}
	r.pos++
	return true
}

// End checks that nothing follows.
func (r *Reader) End() {
	if r.Peek() != 0 || r.pos < len(r.data) {
		r.malformed()
	}
}

// Members enters the next object and yields its members' names. The loop must read or skip each value; a name is
// valid until then. Null has no members.
func (r *Reader) Members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !r.enter('{') {
			return
		}
		for r.next('}') {
			if r.Peek() != '"' {
				r.malformed()
				return
			}
			name := r.quoted()
			if !r.expect(':') || !yield(name) {
				return
			}
		}
	}
}

// Elements enters the next array and yields the positions of its elements, from 1. The loop must read or skip each.
// Null has no elements.
func (r *Reader) Elements() iter.Seq[int] {
	return func(yield func(int) bool) {
		if !r.enter('[') {
			return
		}
		for i := 1; r.next(']'); i++ {
			if !yield(i) {
				return
			}
		}
	}
}

func (r *Reader) enter(open byte) bool {
	if !r.present(open) {
		return false
	}
	r.pos++
	r.depth++
	r.first = true
	if r.depth > maxDepth {
		r.Fail("The request body nests too deep.")
	}
	return r.err == nil
}

// next moves to the next member or element, or leaves the object or array.
func (r *Reader) next(closing byte) bool {
	c := r.Peek()
	if r.err != nil {
		return false
	}
	if c == closing {
		r.pos++
		r.depth--
		r.first = false
		return false
	}
	if !r.first && !r.expect(',') {
		return false
	}
	r.first = false
	return true
}

// present reports whether the next value is present, that is, not null. It refuses a value that does not begin with
// want, in which a point stands for a number with a fraction.
func (r *Reader) present(want byte) bool {
	c := r.Peek()
	switch {
	case r.err != nil:
		return false
	case c == want, (want == '0' || want == '.') && isNumberStart(c):
		return true
	case c == 'n':
		r.literal("null")
	default:
		r.mismatch(c, want)
	}
	return false
}

func isNumberStart(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

// mismatch refuses a value that begins with c, in AWS's words.
func (r *Reader) mismatch(c, want byte) {
	kinds := map[byte]string{'"': "a String", '0': "an Integer", '.': "a Double", 't': "a Boolean"}
	var got string
	switch {
	case c == '{':
		r.Fail("Start of structure or map found where not expected.")
		return
	case c == '[':
		r.Fail("Start of list found where not expected.")
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
		r.malformed()
		return
	}
	if kinds[want] == "" {
		r.Fail("Unexpected field type")
		return
	}
	r.Fail(got + " can not be converted to " + kinds[want])
}

func (r *Reader) literal(word string) {
	if len(r.data)-r.pos < len(word) || string(r.data[r.pos:r.pos+len(word)]) != word {
		r.malformed()
		return
	}
	r.pos += len(word)
}

// Bytes reads a string, valid until the next call. Null is not present.
func (r *Reader) Bytes() (b []byte, present bool) {
	if !r.present('"') {
		return nil, false
	}
	b = r.quoted()
	return b, r.err == nil
}

// Text reads a string; null is empty.
func (r *Reader) Text() string {
	if !r.present('"') {
		return ""
	}
	return r.text()
}

// Word is Text for words that are likely to come again: equal words share memory.
func (r *Reader) Word() string {
	b, _ := r.Bytes()
	w, ok := r.words[string(b)]
	if !ok && len(b) > 0 {
		if r.words == nil {
			r.words = map[string]string{}
		}
		w = string(b)
		r.words[w] = w
	}
	return w
}

// Optional reads a string; null is nil.
func (r *Reader) Optional() *string {
	if !r.present('"') {
		return nil
	}
	s := r.text()
	if r.err != nil {
		return nil
	}
	return &s
}

// Null reads null, if it comes next.
func (r *Reader) Null() bool {
	if r.Peek() != 'n' {
		return false
	}
	r.literal("null")
	return true
}

// Bool reads true or false; null is false.
func (r *Reader) Bool() bool {
	if r.Peek() == 'f' {
		r.literal("false")
		return false
	}
	if !r.present('t') {
		return false
	}
	r.literal("true")
	return r.err == nil
}

// Int reads a number. It cuts off a fraction, as AWS does.
func (r *Reader) Int() (n int64, present bool) {
	if !r.present('0') {
		return 0, false
	}
	if n, ok := r.small(); ok {
		return n, true
	}
	token := r.number()
	if r.err != nil {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(token), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil || math.Abs(f) >= 1<<62 {
		r.Fail("NUMBER_VALUE can not be converted to an Integer")
		return 0, false
	}
	return int64(f), true
}

// small reads a short whole number, as most are, and leaves any other.
func (r *Reader) small() (n int64, ok bool) {
	i := r.pos
	for ; i < len(r.data) && '0' <= r.data[i] && r.data[i] <= '9' && i-r.pos < 18; i++ {
		n = n*10 + int64(r.data[i]-'0')
	}
	if i == r.pos || i == len(r.data) || r.data[r.pos] == '0' && i-r.pos > 1 {
		return 0, false
	}
	switch c := r.data[i]; {
	case c == ',', c == '}', c == ']', c == ' ', c == '\n':
		r.pos = i
		return n, true
	}
	return 0, false
}

// Float reads a number; null is zero.
func (r *Reader) Float() float64 {
	if !r.present('.') {
		return 0
	}
	token := r.number()
	if r.err != nil {
		return 0
	}
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		r.Fail("NUMBER_VALUE can not be converted to a Double")
		return 0
	}
	return f
}

// Time reads a moment in dialect d; null is absent.
func (r *Reader) Time(d Dialect) Timestamp {
	if d == Envelope {
		ms, _ := r.Int()
		return Timestamp(ms)
	}
	f := r.Float()
	if math.Abs(f) >= 1<<50 {
		r.Fail("NUMBER_VALUE can not be converted to a Timestamp")
		return 0
	}
	return Timestamp(math.Round(f * 1000))
}

// number reads a number by JSON's grammar.
func (r *Reader) number() []byte {
	start := r.pos
	if r.at('-') {
		r.pos++
	}
	if r.at('0') {
		r.pos++
	} else {
		r.digits()
	}
	if r.at('.') {
		r.pos++
		r.digits()
	}
	if r.at('e') || r.at('E') {
		r.pos++
		if r.at('+') || r.at('-') {
			r.pos++
		}
		r.digits()
	}
	return r.data[start:r.pos]
}

func (r *Reader) at(c byte) bool { return r.pos < len(r.data) && r.data[r.pos] == c }

func (r *Reader) digits() {
	start := r.pos
	for r.pos < len(r.data) && '0' <= r.data[r.pos] && r.data[r.pos] <= '9' {
		r.pos++
	}
	if r.pos == start {
		r.malformed()
	}
}

// Skip skips one value of any kind.
func (r *Reader) Skip() {
	switch c := r.Peek(); {
	case c == '{':
		for range r.Members() {
			r.Skip()
		}
	case c == '[':
		for range r.Elements() {
			r.Skip()
		}
	case c == '"':
		r.quoted()
	case c == 't':
		r.literal("true")
	case c == 'f':
		r.literal("false")
	case c == 'n':
		r.literal("null")
	case isNumberStart(c):
		r.number()
	default:
		r.malformed()
	}
}
