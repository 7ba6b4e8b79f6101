package rehearsal

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perdure/perdure/protocol"
)

const (
	before = 3 // rows before the first difference
	after  = 3 // rows after it
	// maxCell bounds the text of a cell, in bytes.
	maxCell = 60
)

// String is the verdict for people: a line for what does not fit, the records and the code side by side, and a line
// for each loss. It is empty if the code replays and keeps all values. Paths are relative to the working directory.
func (v *Verdict) String() string {
	var b strings.Builder
	if v.Text != "" {
		fmt.Fprintf(&b, "%s\n", v.Text)
	}
	b.WriteString(v.Sides())
	for _, l := range v.Lost {
		fmt.Fprintf(&b, "%s\n", l)
	}
	return b.String()
}

// Sides is [Sides] of the verdict; empty if the code did not tell where it parts from the records.
func (v *Verdict) Sides() string {
	if v.Divergence == nil {
		return ""
	}
	return Sides(v.recording.Operations, v.Divergence)
}

// Sides shows recorded operations beside what the code does now, around the place where the two part:
//
//	  recorded                                        | the code now
//	  1  STEP/Step "validate"  SUCCEEDED +0s          | STEP/Step "validate"
//	> 2  STEP/Step "charge"    FAILED attempt 3 +1.2s | STEP/Step "debit"   at order.go:31
//	  3  WAIT/Wait "cool_off"  STARTED +1.3s          |
//
// Times are since the start of the execution. What the code does behind that place nobody knows.
func Sides(ops []*protocol.Operation, d *Divergence) string {
	var start protocol.Timestamp
	sorted := make([]*protocol.Operation, 0, len(ops))
	for _, op := range ops {
		if op.Type == protocol.TypeExecution {
			start = op.Start
		} else {
			sorted = append(sorted, op)
		}
	}
	slices.SortStableFunc(sorted, func(a, b *protocol.Operation) int { return comparePlaces(a.ID, b.ID) })
	at, found := slices.BinarySearchFunc(sorted, d.ID, func(op *protocol.Operation, id string) int {
		return comparePlaces(op.ID, id)
	})
	rows := []row{{"    ", "recorded", "the code now"}}
	if at > before {
		rows = append(rows, row{"    ", "…", "…"})
	}
	window := sorted[max(at-before, 0):min(at+after+1, len(sorted))]
	width := idWidth(window, d.ID)
	cell := func(id, text string) string {
		return fmt.Sprintf("%-*s  %s", width, protocol.Clip(id, width), text)
	}
	for _, op := range window[:min(before, at)] {
		rows = append(rows, row{"    ", cell(op.ID, recordedText(op, start)), protocol.Clip(shapeOf(op), maxCell)})
	}
	window = window[min(before, at):]
	here := cell(d.ID, cmp.Or(d.Recorded, "(nothing)"))
	if found {
		here, window = cell(d.ID, recordedText(window[0], start)), window[1:]
	}
	rows = append(rows, row{"  > ", here, d.currentText()})
	for _, op := range window {
		rows = append(rows, row{"    ", cell(op.ID, recordedText(op, start)), ""})
	}
	return table(rows)
}

// row is one line: a mark, and the two sides.
type row struct{ mark, recorded, current string }

func table(rows []row) string {
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r.recorded))
	}
	var b strings.Builder
	for _, r := range rows {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(r.recorded))
		b.WriteString(strings.TrimRight(r.mark+r.recorded+pad+" | "+r.current, " ") + "\n")
	}
	return b.String()
}

// idWidth is the width of a column of ids.
func idWidth(ops []*protocol.Operation, also string) int {
	const most = 20
	width := len(also)
	for _, op := range ops {
		width = max(width, len(op.ID))
	}
	return min(width, most)
}

// recordedText is an operation as it is recorded.
func recordedText(op *protocol.Operation, start protocol.Timestamp) string {
	text := protocol.Clip(shapeOf(op), maxCell) + "  " + string(op.Status)
	if op.Attempt > 1 {
		text += fmt.Sprintf(" attempt %d", op.Attempt)
	}
	if op.Start != 0 && start != 0 {
		text += " +" + op.Start.Sub(start).Round(time.Millisecond).String()
	}
	return text
}

// currentText is what the code does where code and records part.
func (d *Divergence) currentText() string {
	text := protocol.Clip(d.Current, maxCell)
	switch {
	case d.Current == "" && d.Fails == "":
		text = "(returns)"
	case d.Current == "":
		text = "(fails: " + protocol.Clip(d.Fails, maxText) + ")"
	case d.Fails != "":
		text += " fails: " + protocol.Clip(d.Fails, maxText)
	}
	if d.Where != "" {
		text += "  at " + here(d.Where)
	}
	if d.Panics != "" {
		text += ", while it panics at " + here(d.Panics)
	}
	return text
}

// here is a place as people write it: relative to the working directory, if it is below that.
func here(place string) string {
	dir, err := filepath.Abs(".")
	if err != nil || !filepath.IsAbs(place) {
		return place
	}
	if rel, err := filepath.Rel(dir, place); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return place
}

// comparePlaces compares ids by the code's order: 2 is before 10, and 2-1 is between 2 and 3. Hashed ids, which tell
// no place, come last.
func comparePlaces(a, b string) int {
	as, bs := strings.Split(a, "-"), strings.Split(b, "-")
	for i := range min(len(as), len(bs)) {
		n, noA := strconv.Atoi(as[i])
		m, noB := strconv.Atoi(bs[i])
		if c := cmp.Or(cmp.Compare(boolInt(noA != nil), boolInt(noB != nil)), cmp.Compare(n, m),
			strings.Compare(as[i], bs[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
