package rehearsal

import (
	"strconv"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Divergence is where code and records part: the first place in the code's order.
type Divergence struct {
	ID       string // of the operation
	Recorded string // what replay compares, such as STEP/Step "charge"; empty if nothing is recorded there
	Current  string // the same of today's code; empty if the code ends before it comes there
	Where    string // file:line of the call of Current, if the code told it
	Fails    string // the error that today's code has there, or because of which it does not come there
	Panics   string // where the code panics, if it came to the call that way
	Text     string // the whole as the code told it, without its advice
}

// Parse reads the error of an invocation, or of an execution that failed with it. It is nil for any other error.
func Parse(e *protocol.ErrorObject) *Divergence {
	if e == nil || e.ErrorType != protocol.ErrorTypeNonDeterminism {
		return nil
	}
	const intro, hint = "perdure: non-deterministic code at operation ", "; code between operations must do the same"
	text, ok := strings.CutPrefix(e.ErrorMessage, intro)
	if !ok {
		return nil
	}
	if end := strings.LastIndex(text, hint); end >= 0 {
		text = text[:end]
	}
	d := &Divergence{Text: "operation " + text}
	if d.ID, text, ok = strings.Cut(text, ": "); !ok {
		return nil
	}
	d.read(text)
	return d
}

// Line is the whole on one line, with a short path.
func (d *Divergence) Line() string {
	text := d.Text
	if d.Where != "" {
		text = strings.ReplaceAll(text, d.Where, here(d.Where))
	}
	return protocol.Clip(text, maxText)
}

// read reads the difference, in the words of package durable.
func (d *Divergence) read(text string) {
	const (
		success = "recorded that "
		fails   = " succeeded, but the code now fails: "
		never   = ", but the code now fails without reaching it: "
		other   = ", but the code now does "
	)
	switch rest, succeeded := strings.CutPrefix(text, success); {
	case succeeded:
		d.Recorded, rest = cutShape(rest)
		d.Current = d.Recorded
		d.Fails = d.place(strings.TrimPrefix(rest, fails))
	case strings.HasPrefix(text, "the code now does "):
		d.Current, rest = cutShape(strings.TrimPrefix(text, "the code now does "))
		_, rest, _ = strings.Cut(rest, "come past it")
		d.place(rest)
	default:
		d.Recorded, rest = cutShape(strings.TrimPrefix(text, "recorded "))
		if why, ok := strings.CutPrefix(rest, never); ok {
			d.Fails = why
		} else if now, ok := strings.CutPrefix(rest, other); ok {
			d.Current, rest = cutShape(now)
			d.place(rest)
		}
	}
}

// place takes the places off the end of a text, and returns what is before them.
func (d *Divergence) place(text string) string {
	const panics, at = " in a deferred function, because it panics at ", " (at "
	if before, where, ok := cutLast(text, panics); ok {
		text, d.Panics = before, where
	}
	if before, where, ok := cutLast(text, at); ok && strings.HasSuffix(where, ")") {
		text, d.Where = before, strings.TrimSuffix(where, ")")
	}
	return text
}

func cutLast(text, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

// cutShape cuts what replay compares off the front of a text: TYPE, TYPE/SubType, and a quoted name if there is one.
func cutShape(text string) (shape, rest string) {
	end := strings.IndexAny(text, " ,")
	if end < 0 {
		return text, ""
	}
	if name, err := strconv.QuotedPrefix(strings.TrimPrefix(text[end:], " ")); err == nil && text[end] == ' ' {
		end += 1 + len(name)
	}
	return text[:end], text[end:]
}

// shapeOf is what replay compares of an operation, in the words of package durable.
func shapeOf(op *protocol.Operation) string {
	text := string(op.Type)
	if op.SubType != "" {
		text += "/" + op.SubType
	}
	if op.Name != "" {
		text += " " + strconv.Quote(op.Name)
	}
	return text
}
