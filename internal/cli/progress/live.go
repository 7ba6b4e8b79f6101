package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// liveLines says what is going on now, in at most n lines of at most columns
// characters.
func (v *View) liveLines(columns, n int) []string {
	shown := v.open
	var more int
	if len(shown) > n {
		more = len(shown) - (n - 1)
		shown = shown[:n-1]
	}
	var lines []string
	for _, o := range shown {
		lines = append(lines, v.liveLine(o, columns))
	}
	if more > 0 {
		lines = append(lines, v.paint(dim, clip(fmt.Sprintf("  … and %d more", more), columns-1)))
	}
	idle := v.idle
	if v.paused {
		idle = "paused until somebody resumes the execution"
	}
	if len(v.open) == 0 && idle != "" {
		lines = append(lines, v.paint(dim, clip(v.spin()+" "+idle, columns-1)))
	}
	return lines
}

func (v *View) spin() string { return string(spinner[v.frame%len(spinner)]) }

func (v *View) liveLine(o *operation, columns int) string {
	text := v.spin() + " " + v.label(line{name: o.name, depth: o.depth}) + "  " + v.state(o)
	return v.paint(active, clip(text, columns-1))
}

// state says what an open operation is doing, with the time it has left or,
// if it has no end, the time it has taken.
func (v *View) state(o *operation) string {
	now := protocol.TimestampOf(v.opt.Now())
	left, taken := o.until.Sub(now), now.Sub(o.started)
	words := []string{o.kind}
	if o.note != "" {
		words = append(words, o.note)
	}
	switch {
	case o.next != "" && left > 0:
		words = append(words, o.next+" in "+text.Duration(left))
	case o.next != "":
		words = append(words, o.next+" is due")
	case o.until != 0 && left > 0:
		words = append(words, text.Duration(left)+" left")
	case o.until != 0:
		words = append(words, "due")
	case taken >= time.Second:
		words = append(words, text.Duration(taken.Truncate(time.Second)))
	}
	return strings.Join(words, ", ")
}
