package cli

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Screen returns a writer to the terminal behind w, on which nothing that is
// written can steer the terminal: see [Printable]. Line breaks and tabs stay.
func Screen(w io.Writer) io.Writer { return &screen{w: w} }

type screen struct {
	w    io.Writer
	rest []byte // the beginning of a character whose end has yet to come
}

// Write implements [io.Writer].
func (s *screen) Write(p []byte) (int, error) {
	text := append(s.rest, p...)
	whole := len(text)
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax); i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				whole = i
			}
			break
		}
	}
	s.rest = append([]byte(nil), text[whole:]...)
	var b strings.Builder
	for word := range strings.SplitAfterSeq(string(text[:whole]), "\n") {
		line, end := strings.CutSuffix(word, "\n")
		for i, cell := range strings.Split(line, "\t") {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(Printable(cell))
		}
		if end {
			b.WriteByte('\n')
		}
	}
	if _, err := io.WriteString(s.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
