package dev

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/perdure/perdure/internal/cli"
)

// Screen shows several functions and executions at a time: lines, each with the name of its subject. Its methods
// may be called concurrently.
type Screen struct {
	color bool

	mu    sync.Mutex
	w     io.Writer
	width int // of the column of names, which only grows
}

// maxLabel is the longest name; longer ones are cut.
const maxLabel = 32

// NewScreen returns a screen on w.
func NewScreen(w io.Writer, color bool) *Screen { return &Screen{w: w, color: color, width: 12} }

// reserve makes the column wide enough for the names of functions and, unless there is only one, of their
// executions.
func (s *Screen) reserve(functions []string, alone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range functions {
		if !alone {
			name += "/12345678"
		}
		s.width = max(s.width, min(len(name), maxLabel))
	}
}

// The tones of a line, as the codes of a terminal.
const (
	Plain    = ""
	Warn     = "33"
	good     = "32"
	bad      = "31"
	nameTone = "36"
)

// Say writes a line about label; without one, it stands alone.
func (s *Screen) Say(label, tone, format string, args ...any) {
	s.write(label, s.paint(tone, cli.Printable(fmt.Sprintf(format, args...))))
}

// write writes a line that may have colours in it.
func (s *Screen) write(label, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if label == "" {
		fmt.Fprintln(s.w, line)
		return
	}
	name := []rune(cli.Printable(label))
	if len(name) > maxLabel {
		name = append(name[:maxLabel-1], '…')
	}
	s.width = max(s.width, len(name))
	padding := strings.Repeat(" ", s.width-len(name))
	fmt.Fprintf(s.w, "%s%s | %s\n", s.paint(nameTone, string(name)), padding, line)
}

func (s *Screen) paint(tone, text string) string {
	if !s.color || tone == Plain {
		return text
	}
	return "\x1b[" + tone + "m" + text + "\x1b[0m"
}

// about returns a writer of lines about label.
func (s *Screen) about(label string) *labelled { return &labelled{screen: s, label: label} }

// labelled is a writer whose lines are about one thing, and which can be muted. Its writers take turns.
type labelled struct {
	screen *Screen
	label  string
	rest   []byte // an unfinished line
	muted  atomic.Bool
}

// Write implements [io.Writer].
func (l *labelled) Write(p []byte) (int, error) {
	if l.muted.Load() {
		return len(p), nil
	}
	l.rest = append(l.rest, p...)
	for {
		line, rest, ended := bytes.Cut(l.rest, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		l.screen.write(l.label, string(line))
		l.rest = append([]byte(nil), rest...)
	}
}
