package progress

import (
	"fmt"
	"strings"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/wire"
)

// HistoryLine is one event in a line: number, time, type, name, and what
// there is to say about it.
func HistoryLine(e *wire.Event) string {
	name := e.Name
	if name == "" {
		name = "-"
	}
	at := e.Time.Time().Local().Format("15:04:05.000")
	line := fmt.Sprintf("%4d  %s  %-24s  %-24s  %s", e.ID, at, e.Type, clip(cli.Printable(name), 40), details(e))
	return strings.TrimRight(line, " ")
}

func details(e *wire.Event) string {
	var words []string
	if e.CurrentAttempt > 1 || e.NextAttemptDelay > 0 {
		words = append(words, fmt.Sprintf("attempt %d", e.CurrentAttempt))
	}
	if e.NextAttemptDelay > 0 {
		words = append(words, "next in "+seconds(e.NextAttemptDelay))
	}
	if e.Duration > 0 {
		words = append(words, seconds(e.Duration))
	}
	if e.FunctionName != "" {
		words = append(words, "function "+cli.Printable(e.FunctionName))
	}
	if e.CallbackID != "" {
		words = append(words, "callback "+cli.Printable(e.CallbackID))
	}
	if e.Type == wire.EventExecutionPaused && !e.TimeoutPaused {
		words = append(words, "its timeout runs on")
	}
	if e.Type == wire.EventInvocationCompleted {
		words = append(words, "took "+Span(e.End.Sub(e.Start)))
	}
	if s := ErrorLine(e.Error); s != "" {
		words = append(words, clip(s, 200))
	}
	if e.Payload != nil {
		words = append(words, clip(cli.Payload(*e.Payload), 100))
	}
	return strings.Join(words, ", ")
}
