package protocol

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Clip shortens s to most bytes at the most, for messages that repeat a client's text. It never cuts a character.
func Clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return Head(s, most) + "…"
}

// Head is the beginning of s: most bytes at the most, and whole characters.
func Head(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// Shorten makes s at most max bytes of UTF-8, and says so where it cuts. Texts without a limit are recorded so.
func Shorten(s string, max int) string {
	const mark = " … (cut)"
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= max {
		return s
	}
	return Head(s, max-len(mark)) + mark
}

// AppendEscaped appends s, percent-encoded except for what RFC 3986 leaves unreserved and the byte keep (zero is
// none). Paths with execution ARNs, queries and signatures need it.
func AppendEscaped(dst []byte, s string, keep byte) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == keep && keep != 0:
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// AppendTexts appends one text after the other. It is not inlined: its copies would be 5 KB of every function.
//
//go:noinline
func AppendTexts(dst []byte, texts ...string) []byte {
	for _, s := range texts {
		dst = append(dst, s...)
	}
	return dst
}

// InvalidUTF8 is the index of the first byte of data that is not UTF-8, or -1.
func InvalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// SyntaxText is the text of a decoder's error about data. It names the whole character at which the decoder
// stopped, of which the decoder shows one byte.
func SyntaxText(data []byte, err *json.SyntaxError) string {
	at := int(err.Offset) - 1
	if at < 0 || at >= len(data) || data[at] < utf8.RuneSelf {
		return err.Error()
	}
	r, _ := utf8.DecodeRune(data[at:])
	_, context, _ := strings.Cut(err.Error(), "' ")
	return "invalid character '" + string(r) + "' " + context
}
