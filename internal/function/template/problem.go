package template

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perdure/perdure/internal/text"
)

// Position is a place in a template. Lines and columns count from 1; a line of 0 is the template as a whole.
type Position struct {
	File         string
	Line, Column int
}

// String is file:line:column, as compilers and editors write it.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Error says why a template cannot be used. A fault of one function is a [Warning]: the others can be used.
type Error struct {
	Position Position
	Text     string
}

func (e *Error) Error() string { return e.Position.String() + ": " + e.Text }

// Errors are all that were found, in the order of the template. There is at least one.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Kind names a warning, for those who group or count them.
type Kind string

// The kinds of warnings.
const (
	KindResource  Kind = "resource"  // it is not created here
	KindEvent     Kind = "event"     // nothing here calls the function because of it
	KindImage     Kind = "image"     // the function is a container image
	KindCode      Kind = "code"      // the code is not a directory of this machine
	KindProperty  Kind = "property"  // it is not known, or has no effect here
	KindReference Kind = "reference" // what it refers to does not exist here
	KindIntrinsic Kind = "intrinsic" // a value that only AWS can work out
	KindParameter Kind = "parameter" // it has no value here
	KindTransform Kind = "transform" // a macro, or an include
	KindSection   Kind = "section"   // of the template, not known
	KindFunction  Kind = "function"  // it is not served, because of a mistake
	KindMistake   Kind = "mistake"   // AWS would refuse it; it is left out
	KindNested    Kind = "nested"    // an application whose functions are left out
)

// Warning says how something differs from AWS here, and what follows.
type Warning struct {
	Position Position
	Kind     Kind
	// Subject is the name of the warning's subject: a logical id, a property, an intrinsic function.
	Subject string
	Text    string
}

func (w *Warning) String() string {
	return fmt.Sprintf("%s: %s [%s]", w.Position, w.Text, w.Kind)
}

// LeavesOut reports whether the warning is that the function Subject is not served.
func (w *Warning) LeavesOut() bool {
	return w.Kind == KindFunction || w.Kind == KindImage || w.Kind == KindCode
}

// quoted puts text of the template between quotes, cut and on one line.
func quoted(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// quotedList is some texts of the template, cut and on one line.
func quotedList(texts []string) string {
	const most = 20
	var short []string
	for _, text := range texts[:min(len(texts), most)] {
		short = append(short, strings.Trim(quoted(text), `"`))
	}
	if len(texts) > most {
		short = append(short, "…")
	}
	return strings.Join(short, ", ")
}

// didYouMean is a suggestion to end a sentence with; empty if nothing is near.
func didYouMean(word string, known []string) string {
	if len(word) > 100 {
		return ""
	}
	best := text.Nearest(word, known)
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}
