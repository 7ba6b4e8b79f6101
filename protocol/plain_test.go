package protocol

import (
	"bytes"
	"strings"
	"testing"
)

// One byte of any value, at any place among bytes of any other value.
func TestPlain(t *testing.T) {
	for _, size := range []int{0, 1, 7, 8, 9, 16, 23} {
		for fill := range 256 {
			for special := range 256 {
				for at := range size {
					b := bytes.Repeat([]byte{byte(fill)}, size)
					b[at] = byte(special)
					if got, want := plainText(string(b)), slowly(b, false); got != want {
						t.Fatalf("plainText(%q) = %d, want %d", b, got, want)
					}
					if got, want := plainASCII(string(b)), slowly(b, true); got != want {
						t.Fatalf("plainASCII(%q) = %d, want %d", b, got, want)
					}
				}
			}
		}
	}
}

func slowly(b []byte, ascii bool) int {
	for i, c := range b {
		if c < 32 || c == '"' || c == '\\' || ascii && c > 127 {
			return i
		}
	}
	return len(b)
}

// A payload of 100 KB is written into a request, and read out of it.
func BenchmarkLargePayload(b *testing.B) {
	payload := `{"data":"` + strings.Repeat("0123456789abcdef", 6_400) + `"}`
	text := AppendString(nil, payload)
	b.Run("append", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		var buf []byte
		for b.Loop() {
			buf = AppendString(buf[:0], payload)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			NewReader(text).Text()
		}
	})
}
