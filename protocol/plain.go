package protocol

import (
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// Payloads are texts of up to megabytes, most of whose bytes JSON neither escapes nor ends a string with. So they are
// looked at eight bytes at a time, which takes a fifth of the time of a loop over bytes.

const (
	ones  = 0x0101010101010101
	highs = ones << 7
)

// plainText returns how many bytes s begins with that are part of a JSON string as they are: no control characters,
// quotation marks and backslashes.
func plainText(s string) int { return plain(s, 0) }

// plainASCII is plainText up to the first byte that is not ASCII.
func plainASCII(s string) int { return plain(s, highs) }

// plain stops at control characters, quotation marks, backslashes, and at bytes with a bit of also, repeated for each
// of the eight bytes of a word.
func plain(s string, also uint64) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := word(s, i)
		// With its second bit turned over, a quotation mark is the space, which follows the control characters: so one
		// comparison finds both.
		low, slash := x^ones*2, x^ones*'\\'
		// The lowest bit that is set is right; a borrow can set those above it.
		if found := ((low-ones*(' '+1))&^low | (slash-ones)&^slash | x&also) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf && also != 0 {
			break
		}
	}
	return i
}

// word is the eight bytes of s from i on; the first is the lowest.
func word(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// textOf is b as a string, without a copy: b must not change while the string is used.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
