package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// consolePatience is how long a write waits to be shown. Nobody notices it, unless nobody reads.
	consolePatience = 50 * time.Millisecond
	// maxConsole bounds what waits to be shown, in bytes.
	maxConsole = 1 << 20
)

// Console is a terminal, pipe or file for people that never holds up its writers. It shows writes in order. While
// nobody reads, as with a paused terminal or a full pipe, writes wait in memory; when too much waits they are dropped
// and counted, and the count is shown later.
type Console struct {
	*os.File // for what is asked of a terminal

	mu      sync.Mutex
	waiting []byte
	lost    int           // lines that were dropped
	writing bool          // a goroutine is at it
	shown   chan struct{} // closed when nothing waits any more; nil if nothing does
	stuck   bool          // a write has lost its patience, and nothing was shown since
}

// NewConsole returns a console on f.
func NewConsole(f *os.File) *Console { return &Console{File: f} }

// Write implements [io.Writer]. It always succeeds.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	if len(c.waiting)+len(p) > maxConsole {
		c.lost += max(1, bytes.Count(p, []byte("\n")))
		c.mu.Unlock()
		return len(p), nil
	}
	c.waiting = append(c.waiting, p...)
	if !c.writing {
		c.writing, c.shown = true, make(chan struct{})
		go c.show()
	}
	shown, wait := c.shown, !c.stuck
	c.mu.Unlock()
	if wait && !awaitShown(shown, consolePatience) {
		c.mu.Lock()
		c.stuck = c.shown == shown
		c.mu.Unlock()
	}
	return len(p), nil
}

// show writes until nothing waits.
func (c *Console) show() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) > 0 {
		text := c.waiting
		c.waiting = nil
		if c.lost > 0 {
			text = fmt.Appendf(text, "perdure: %d lines were left out, as nobody read them\n", c.lost)
			c.lost = 0
		}
		c.mu.Unlock()
		_, _ = c.File.Write(text) // to whom should one tell that it failed?
		c.mu.Lock()
	}
	c.writing, c.stuck = false, false
	close(c.shown)
	c.shown = nil
}

// Flush waits until everything was shown, but not for long.
func (c *Console) Flush() {
	c.mu.Lock()
	shown := c.shown
	c.mu.Unlock()
	if shown != nil {
		awaitShown(shown, consolePatience)
	}
}

func awaitShown(shown <-chan struct{}, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-shown:
		return true
	case <-timer.C:
		return false
	}
}

// Screen returns a writer to the terminal behind w whose text cannot steer the terminal; see [Printable]. Line breaks
// and tabs stay.
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
