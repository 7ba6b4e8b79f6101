package protocol

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads the string at pos, without quotes and escapes. Without escapes it is a piece of the text, else the
// scratch buffer.
func (r *Reader) quoted() []byte {
	start, whole := r.opening()
	if !whole {
		r.scratch = r.unescape(r.scratch[:0], start)
		return r.scratch
	}
	return r.data[start : r.pos-1]
}

// text is quoted as a text of its own. One with escapes is written where it stays: a payload has quotation marks, and
// may be large.
func (r *Reader) text() string {
	start, whole := r.opening()
	if whole {
		return string(r.data[start : r.pos-1])
	}
	most := r.pos - start + lengthLeft(r.data[r.pos:])
	b := r.unescape(make([]byte, 0, most), start)
	if most-len(b) > most/8 { // its escapes are longer than what they stand for
		return string(b)
	}
	return textOf(b)
}

// opening moves on to the first escape of the string at pos, or behind the whole string if it has none. start is where
// its content begins.
func (r *Reader) opening() (start int, whole bool) {
	start = r.pos + 1
	r.pos = r.plain(start)
	if whole = r.at('"'); whole {
		r.pos++
	}
	return start, whole
}

// lengthLeft is how much of data, which begins in a string with a backslash, comes before the string's quotation mark.
// It looks for that alone, for which package bytes is a quarter of the time of plain.
func lengthLeft(data []byte) int {
	for n := 0; ; n++ {
		mark := bytes.IndexByte(data[n:], '"')
		if mark < 0 {
			return len(data)
		}
		n += mark
		slashes := 0
		for slashes < n && data[n-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return n
		}
	}
}

// unescape appends the string that begins at start, whose first escape is at pos, and moves on behind it.
func (r *Reader) unescape(out []byte, start int) []byte {
	for {
		out = append(out, r.data[start:r.pos]...)
		switch {
		case r.at('"'):
			r.pos++
			return out
		case r.at('\\'):
			if out = r.escape(out); r.err != nil {
				return nil
			}
		default: // the end, or a control character
			r.malformed()
			return nil
		}
		start = r.pos
		r.pos = r.plain(start)
	}
}

// plain is the end of the plain characters that begin at start.
func (r *Reader) plain(start int) int {
	start = min(start, len(r.data))
	return start + plainText(textOf(r.data[start:]))
}

// escape appends the character of the escape at pos.
func (r *Reader) escape(out []byte) []byte {
	if r.pos+1 >= len(r.data) {
		r.malformed()
		return out
	}
	c := r.data[r.pos+1]
	if c == 'u' {
		return utf8.AppendRune(out, r.unicode())
	}
	if escapes[c] == 0 {
		r.malformed()
		return out
	}
	r.pos += 2
	return append(out, escapes[c])
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unicode reads a \u escape, or the two of a surrogate pair. Half a pair becomes the replacement character.
func (r *Reader) unicode() rune {
	c := r.hex()
	if c < 0 {
		r.malformed()
		return utf8.RuneError
	}
	r.pos += 6
	if !utf16.IsSurrogate(c) {
		return c
	}
	if low := r.hex(); low >= 0 {
		if pair := utf16.DecodeRune(c, low); pair != utf8.RuneError {
			r.pos += 6
			return pair
		}
	}
	return utf8.RuneError
}

// hex returns the \uXXXX at pos without moving on, or -1.
func (r *Reader) hex() rune {
	if len(r.data)-r.pos < 6 || r.data[r.pos] != '\\' || r.data[r.pos+1] != 'u' {
		return -1
	}
	var code rune
	for _, c := range r.data[r.pos+2 : r.pos+6] {
		switch {
		case '0' <= c && c <= '9':
			code = code<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			code = code<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return code
}
