package plainhttp

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
)

// A body is read whole, however it arrives, and a lie about its length costs as much memory as it is long.
func TestAppendBody(t *testing.T) {
	for _, size := range []int{0, 1, 100, 64 << 10, 64<<10 + 1, 100_000, 1 << 20} {
		body := bytes.Repeat([]byte{'x'}, size)
		for name, announced := range map[string]int64{"announced": int64(size), "chunked": -1, "a lie": 1 << 40, "short": 0} {
			for limit, want := range map[int]int{size: size, size + 1: size, 2<<20 + size: size, size - 1: size} {
				if limit < 0 {
					continue
				}
				r := &http.Request{ContentLength: announced, Body: io.NopCloser(iotest.HalfReader(bytes.NewReader(body)))}
				got, err := AppendBody([]byte("a"), r, limit)
				if err != nil || len(got) != 1+want || got[0] != 'a' {
					t.Errorf("%d bytes, %s, limit %d: got %d bytes, %v; want %d", size, name, limit, len(got)-1, err, want)
				}
				if most := max(64<<10, 16*size) + 8<<10; cap(got) > most {
					t.Errorf("%d bytes, %s: took %d bytes of memory, want at most %d", size, name, cap(got), most)
				}
			}
		}
	}
	broken := &http.Request{ContentLength: 9, Body: io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))}
	if got, err := AppendBody(nil, broken, 100); err != io.ErrUnexpectedEOF || len(got) != 0 {
		t.Errorf("got %q %v, want the reader's error", got, err)
	}
}
