package protocol

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

// A text with escapes is read into memory of its own, of about its size.
func TestText(t *testing.T) {
	for _, text := range []string{
		``, `a`, `\n`, `\"`, `\\`, `\\\"\\`, `a\\`, `\u0041`, `\ud83d\ude00`, `é\té`,
		strings.Repeat(`\u0041`, 1000), strings.Repeat(`\\`, 1000) + `\"`, strings.Repeat("x", 1000) + `\"` + strings.Repeat("y", 1000),
	} {
		data := []byte(`"` + text + `","other\"`)
		var want string
		if err := json.Unmarshal(data[:len(text)+2], &want); err != nil {
			t.Fatal(err)
		}
		r := NewReader(data)
		got := r.Text()
		if got != want || r.Err() != nil || r.pos != len(text)+2 {
			t.Errorf("%.40s: got %.40q, %v, at %d; want %.40q", text, got, r.Err(), r.pos, want)
		}
		clear(data)
		if got != want {
			t.Errorf("%.40s: the text changed with the data", text)
		}
		if r := NewReader([]byte(`"` + text + `","other\"`)); string(must(r.Bytes())) != want {
			t.Errorf("%.40s: Bytes and Text differ", text)
		}
	}
	for _, text := range []string{`"`, `"\`, `"\"`, `"a\"b`, "\"\\n\x01\"", `"\n`, `"\x"`, `"\u12"`, `"\\\`, `"a\nb\`} {
		if r := NewReader([]byte(text)); r.Text() != "" || r.Err() == nil {
			t.Errorf("%s: got no error", text)
		}
		if r := NewReader([]byte(text)); r.Optional() != nil || r.Err() == nil {
			t.Errorf("%s: got no error of an optional text", text)
		}
	}
}

func must(b []byte, _ bool) []byte { return b }

// A text with few escapes takes its own memory and no other; with many, what they took, too.
func TestTextSize(t *testing.T) {
	for _, test := range []struct {
		escape string
		most   uint64
	}{{strings.Repeat("x", 100) + `\"`, 120_000}, {`\"`, 180_000}, {`\u0041`, 140_000}} {
		body := []byte(`"` + strings.Repeat(test.escape, 100_000/len(test.escape)) + `"` + strings.Repeat(" ", 1_000_000))
		const runs = 10
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			NewReader(body).Text()
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > test.most {
			t.Errorf("%.20s: reading 100 KB took %d bytes, want at most %d", test.escape, got, test.most)
		}
	}
}
