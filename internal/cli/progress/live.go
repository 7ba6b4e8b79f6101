package progress

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// liveLines says what is going on now, in up to n lines of up to columns characters.
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
		lines = append(lines, v.paint(dim, text.Clip(fmt.Sprintf("  … and %d more", more), columns-1)))
	}
	idle := v.idle
	if v.fold.Status == protocol.ExecutionPaused {
		idle = "paused until somebody resumes the execution"
	}
	if len(v.open) == 0 && idle != "" {
		lines = append(lines, v.paint(dim, text.Clip(v.spin()+" "+idle, columns-1)))
	}
	return lines
}

func (v *View) spin() string { return string(spinner[v.frame%len(spinner)]) }

func (v *View) liveLine(o *history.Operation, columns int) string {
	words := v.spin() + " " + v.label(line{name: nameOf(o), depth: o.Depth}) + "  " + v.state(o)
	return v.paint(active, text.Clip(words, columns-1))
}

// state says what an open operation is doing, and how much time it has left, or if it has no end, has taken.
func (v *View) state(o *history.Operation) string {
	now := protocol.TimestampOf(v.opt.Now())
	until := cmp.Or(o.Until(), o.TimesOut)
	left, taken := until.Sub(now), now.Sub(o.Since)
	words := []string{kindOf(o)}
	switch o.Type {
	case protocol.TypeCallback:
		words = append(words, "callback "+cli.Printable(o.CallbackID))
	case protocol.TypeChainedInvoke:
		words = append(words, "function "+cli.Printable(o.Function))
	}
	next := next(o)
	switch {
	case next != "" && left > 0:
		words = append(words, next+" in "+text.Duration(left))
	case next != "":
		words = append(words, next+" is due")
	case until != 0 && left > 0:
		words = append(words, text.Duration(left)+" left")
	case until != 0:
		words = append(words, "due")
	case taken >= time.Second:
		words = append(words, text.Duration(taken.Truncate(time.Second)))
	}
	return strings.Join(words, ", ")
}

// next says when a step between attempts goes on; empty for another operation.
func next(o *history.Operation) string {
	switch {
	case o.Status != protocol.StatusPending:
		return ""
	case o.Error == nil:
		return "next check"
	}
	return fmt.Sprintf("attempt %d", max(o.Attempt, 1)+1)
}
