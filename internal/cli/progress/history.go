package progress

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// historyLine has the columns of a history.
const historyLine = "%4v  %-12s  %-9s  %-24s  %-24s  %s"

// HistoryHead is the line above the lines of a history.
func HistoryHead() string {
	return fmt.Sprintf(historyLine, "ID", "TIME", "OPERATION", "EVENT", "NAME", "DETAILS")
}

// HistoryLine is one event in a line: number, time, operation, type, name, and details.
func HistoryLine(e *protocol.Event) string {
	at := e.Time.Time().Local().Format("15:04:05.000")
	name := text.Clip(cli.Printable(cmp.Or(e.Name, "-")), 40)
	line := fmt.Sprintf(historyLine, e.ID, at, operationOf(e), e.Type, name, details(e))
	return strings.TrimRight(line, " ")
}

// operationOf is the id of an event's operation; empty for the execution itself. The first letters of a hashed id
// suffice.
func operationOf(e *protocol.Event) string {
	const most = 16
	if e.OpID == "" || e.Type.Meaning().Execution != "" {
		return "-"
	}
	return text.Clip(cli.Printable(e.OpID), most)
}

func details(e *protocol.Event) string {
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
	if e.By != "" {
		words = append(words, "by "+cli.Printable(e.By))
	}
	if e.Type == protocol.EventExecutionPaused && !e.TimeoutPaused {
		words = append(words, "its timeout runs on")
	}
	if e.Type == protocol.EventInvocationCompleted {
		words = append(words, "took "+text.Elapsed(e.End.Sub(e.Start)))
	}
	if s := ErrorLine(e.Error); s != "" {
		words = append(words, text.Clip(s, 200))
	}
	if e.Payload != nil {
		words = append(words, text.Clip(cli.Payload(*e.Payload), 100))
	}
	return strings.Join(words, ", ")
}
