package protocol

import (
	"strconv"
	"unicode/utf8"
)

// The Append functions write to the caller's buffer and never fail: every value of these types has a JSON form.
// They answer checkpoints, so they use no reflection.

// objectWriter appends the members of nested JSON objects.
type objectWriter struct {
	buf   []byte
	comma bool
}

func object(dst []byte) *objectWriter { return &objectWriter{buf: append(dst, '{')} }

// key, open and close are not inlined: their copies would be 10 KB of every function.

//go:noinline
func (w *objectWriter) key(name string) {
	if w.comma {
		w.buf = append(w.buf, ',')
	}
	w.comma = true
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

//go:noinline
func (w *objectWriter) open(name string) {
	w.key(name)
	w.buf = append(w.buf, '{')
	w.comma = false
}

//go:noinline
func (w *objectWriter) close() {
	w.buf = append(w.buf, '}')
	w.comma = true
}

func (w *objectWriter) raw(name, value string) {
	w.key(name)
	w.buf = append(w.buf, value...)
}

func (w *objectWriter) str(name, value string) {
	w.key(name)
	w.buf = AppendString(w.buf, value)
}

func (w *objectWriter) optStr(name, value string) {
	if value != "" {
		w.str(name, value)
	}
}

func (w *objectWriter) optPtr(name string, value *string) {
	if value != nil {
		w.str(name, *value)
	}
}

func (w *objectWriter) num(name string, n int64) {
	w.key(name)
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

func (w *objectWriter) optNum(name string, n int64) {
	if n != 0 {
		w.num(name, n)
	}
}

func (w *objectWriter) time(name string, t Timestamp, d Dialect) {
	w.key(name)
	w.buf = AppendTime(w.buf, t, d)
}

func (w *objectWriter) optTime(name string, t Timestamp, d Dialect) {
	if t != 0 {
		w.time(name, t, d)
	}
}

// StringSize is the length of what [AppendString] appends for s.
func StringSize(s string) int {
	n := len(s) + 2
	for i := plainASCII(s); i < len(s); i += plainASCII(s[i:]) {
		c := s[i]
		if c < utf8.RuneSelf {
			n += len(escaped(c)) - 1
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			n += 2
		}
		i += size
	}
	return n
}

// Quote returns s as a JSON string; see [AppendString].
func Quote(s string) string { return textOf(AppendString(make([]byte, 0, StringSize(s)), s)) }

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become the
// replacement character, as encoding/json does; HTML is not escaped.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := plainASCII(s); i < len(s); i += plainASCII(s[i:]) {
		c := s[i]
		if c < utf8.RuneSelf {
			dst = append(append(dst, s[start:i]...), escaped(c)...)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, s[start:i]...), "\ufffd"...)
			start = i + 1
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// escaped is a control character, a quotation mark or a backslash within a JSON string. It is not inlined, as key is
// not.
//
//go:noinline
func escaped(c byte) string {
	switch c {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	const hex, size = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 2
	return `\u00` + hex[size*c:size*c+size]
}
