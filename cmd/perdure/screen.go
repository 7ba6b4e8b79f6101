package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/perdure/perdure/internal/cli"
)

// screen shows what goes on in several functions and executions at a time:
// lines, each with the name of what it is about. Its methods may be called
// concurrently.
type screen struct {
	color bool

	mu    sync.Mutex
	w     io.Writer
	width int // of the column of names, which only grows
}

// maxLabel is where a name is cut.
const maxLabel = 32

func newScreen(w io.Writer, color bool) *screen { return &screen{w: w, color: color, width: 12} }

// reserve makes the column wide enough for the names of functions and, unless
// there is one only, of their executions.
func (s *screen) reserve(functions []string, alone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range functions {
		if !alone {
			name += "/12345678"
		}
		s.width = max(s.width, min(len(name), maxLabel))
	}
}

// The colours of what is said.
const (
	toneName  = "36"
	toneGood  = "32"
	toneBad   = "31"
	toneWarn  = "33"
	tonePlain = ""
)

// say writes a line about the one called label; without one, it stands alone.
func (s *screen) say(label, tone, format string, args ...any) {
	s.write(label, s.paint(tone, cli.Printable(fmt.Sprintf(format, args...))))
}

// write writes a line that may have colours in it.
func (s *screen) write(label, line string) {
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
	fmt.Fprintf(s.w, "%s%s | %s\n", s.paint(toneName, string(name)), padding, line)
}

func (s *screen) paint(tone, text string) string {
	if !s.color || tone == tonePlain {
		return text
	}
	return "\x1b[" + tone + "m" + text + "\x1b[0m"
}

// about returns a writer of lines about the one called label.
func (s *screen) about(label string) io.Writer { return &labelled{screen: s, label: label} }

// labelled is a writer whose lines are about one thing. Those who use it take
// turns.
type labelled struct {
	screen *screen
	label  string
	rest   []byte // an unfinished line
}

// Write implements [io.Writer].
func (l *labelled) Write(p []byte) (int, error) {
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
