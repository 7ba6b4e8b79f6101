package protocol

import (
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads the string at pos, without quotes and escapes. Without escapes it is a piece of the text, else the
// scratch buffer.
func (r *Reader) quoted() []byte {
	start := r.pos + 1
	r.pos = r.plain(start)
	if r.at('"') {
		r.pos++
		return r.data[start : r.pos-1]
	}
	out := r.scratch[:0]
	for {
		out = append(out, r.data[start:r.pos]...)
		switch {
		case r.at('"'):
			r.pos++
			r.scratch = out
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
