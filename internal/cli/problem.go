// Package cli holds what the verbs of the command line share and what can be tested without a process: problems and how
// they are told, flags, event files, and reading the Lambda API's answers. Package progress, below it, shows an
// execution while it runs.
//
// The rules for output: the result goes to stdout and nothing else does. Everything for people goes to stderr. A
// problem is one line that starts with "perdure: ", then lines that start with "hint: " and say what to do.
package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit statuses of the command line.
const (
	StatusOK          = 0
	StatusFailed      = 1   // the execution failed, timed out or was stopped
	StatusUsage       = 2   // wrong usage, bad input, or a build that failed
	StatusFault       = 3   // the engine, its data or the network
	StatusInterrupted = 130 // Ctrl-C, or another signal to stop
)

// Problem is an error for people: one line, hints what to do, and the exit status.
type Problem struct {
	Status  int
	Output  []string // what a tool said of it, told first
	Message string
	Hints   []string
}

// Usagef is a problem with the user's input.
func Usagef(format string, args ...any) *Problem {
	return &Problem{Status: StatusUsage, Message: fmt.Sprintf(format, args...)}
}

// Faultf is a problem of the engine, its data or the network.
func Faultf(format string, args ...any) *Problem {
	return &Problem{Status: StatusFault, Message: fmt.Sprintf(format, args...)}
}

// Hintf adds a hint to p, unless it is empty, and returns p.
func (p *Problem) Hintf(format string, args ...any) *Problem {
	if hint := fmt.Sprintf(format, args...); hint != "" {
		p.Hints = append(p.Hints, hint)
	}
	return p
}

func (p *Problem) Error() string { return p.Message }

// Report tells err on w and returns the exit status. An error that is not a [Problem] is a fault. A nil error says
// nothing.
func Report(w io.Writer, err error) int {
	if err == nil {
		return StatusOK
	}
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		p = Faultf("%v", err)
	}
	for _, line := range p.Output {
		fmt.Fprintln(w, Printable(line))
	}
	if p.Message != "" {
		fmt.Fprintf(w, "perdure: %s\n", oneLine(p.Message))
	}
	for _, hint := range p.Hints {
		fmt.Fprintf(w, "hint: %s\n", oneLine(hint))
	}
	return p.Status
}

// oneLine makes one line of a text that cannot steer the terminal.
func oneLine(s string) string { return Printable(strings.Join(strings.Fields(s), " ")) }

// Payload is a payload on one line: JSON without its layout, any other text as [Printable] has it.
func Payload(s string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(s)) == nil {
		s = b.String()
	}
	return Printable(s)
}

// Printable replaces what could steer a terminal: control characters, and bytes that are not UTF-8. Tabs become spaces.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < 0x20, r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029:
			return '\uFFFD'
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidirectional overrides
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
