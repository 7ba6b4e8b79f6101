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
	rows, at := rowsOf(ops, d)
	from, to := max(at-before, 0), min(at+after+1, len(rows))
	rows, at = rows[from:to], at-from
	left := len("recorded")
	for i := range rows {
		left = max(left, utf8.RuneCountInString(rows[i].recorded))
	}
	var b strings.Builder
	line := func(mark, recorded, current string) {
		pad := strings.Repeat(" ", left-utf8.RuneCountInString(recorded))
		b.WriteString(strings.TrimRight(mark+recorded+pad+" | "+current, " ") + "\n")
	}
	line("    ", "recorded", "the code now")
	if from > 0 {
		line("    ", "…", "…")
	}
	for i, row := range rows {
		switch {
		case i < at:
			line("    ", row.recorded, row.current)
		case i == at:
			line("  > ", row.recorded, row.current)
		default:
			line("    ", row.recorded, "")
		}
	}
	return b.String()
}

// row is one operation on both sides.
type row struct{ id, recorded, current string }

// rowsOf returns all rows, in the code's order, and which one is the place where code and records part.
func rowsOf(ops []*protocol.Operation, d *Divergence) (rows []row, at int) {
	var start protocol.Timestamp
	width := len(d.ID)
	for _, op := range ops {
		if op.Type == protocol.TypeExecution {
			start = op.Start
			continue
		}
		width = max(width, len(op.ID))
		rows = append(rows, row{id: op.ID, current: shapeOf(op)})
	}
	width = min(width, 20)
	cell := func(id, text string) string {
		return fmt.Sprintf("%-*s  %s", width, protocol.Clip(id, width), text)
	}
	byID := make(map[string]*protocol.Operation, len(ops))
	for _, op := range ops {
		byID[op.ID] = op
	}
	for i := range rows {
		op := byID[rows[i].id]
		rows[i].recorded = cell(op.ID, recordedText(op, start))
		rows[i].current = protocol.Clip(rows[i].current, maxCell)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return comparePlaces(a.id, b.id) })
	at, found := slices.BinarySearchFunc(rows, d.ID, func(r row, id string) int { return comparePlaces(r.id, id) })
	if !found {
		nothing := "(nothing)"
		if d.Recorded != "" { // of an execution whose operations are not all there
			nothing = d.Recorded
		}
		rows = slices.Insert(rows, at, row{id: d.ID, recorded: cell(d.ID, nothing)})
	}
	rows[at].current = d.currentText()
	return rows, at
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
