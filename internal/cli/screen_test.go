package cli

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

func TestScreenCannotBeSteered(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":              "plain\ttext\n",
		"größe 日本 👩\n":               "größe 日本 👩\n",
		"\x1b[2J\x1b]0;title\x07x\n": "\ufffd[2J\ufffd]0;title\ufffdx\n",
		"\x9b2J \xc2\x9b2J":          "\ufffd2J \ufffd2J",
		"a\rb\bc\x00\x7f":            "a\ufffdb\ufffdc\ufffd\ufffd",
		"\u202egnp.exe\u2066":        "\ufffdgnp.exe\ufffd",
		"{\"a\": \"\x1b[31m\"}\n\n":  "{\"a\": \"\ufffd[31m\"}\n\n",
	} {
		for name, by := range map[string]func(io.Reader) io.Reader{
			"at once":       func(r io.Reader) io.Reader { return r },
			"byte for byte": iotest.OneByteReader,
		} {
			var got bytes.Buffer
			n, err := io.CopyBuffer(Screen(&got), struct{ io.Reader }{by(bytes.NewReader([]byte(in)))}, make([]byte, 4096))
			if err != nil || int(n) != len(in) {
				t.Fatalf("%q, %s: wrote %d, %v", in, name, n, err)
			}
			if got.String() != want {
				t.Errorf("%q, %s: got %q, want %q", in, name, got.String(), want)
			}
		}
	}
}
