package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// kindOf names an operation in the words of the protocol: its subtype where
// it says more than the type.
func kindOf(e *protocol.Event) string {
	switch e.SubType {
	case protocol.SubTypeStep, protocol.SubTypeWait, protocol.SubTypeCallback, protocol.SubTypeMap, protocol.SubTypeParallel:
		return strings.ToLower(e.SubType)
	case protocol.SubTypeRunInChildContext:
		return "context"
	case protocol.SubTypeWaitForCondition:
		return "wait for condition"
	case protocol.SubTypeWaitForCallback:
		return "wait for callback"
	case protocol.SubTypeChainedInvoke:
		return "invoke"
	case protocol.SubTypeMapIteration:
		return "item"
	case protocol.SubTypeParallelBranch:
		return "branch"
	}
	for _, kind := range []string{"Step", "Wait", "Callback", "Context"} {
		if strings.HasPrefix(string(e.Type), kind) {
			return strings.ToLower(kind)
		}
	}
	return "invoke"
}

// ending words the events that end an operation badly.
func ending(t protocol.EventType) string {
	switch {
	case strings.HasSuffix(string(t), "TimedOut"):
		return "timed out"
	case strings.HasSuffix(string(t), "Stopped"):
		return "was stopped"
	case strings.HasSuffix(string(t), "Failed"):
		return "failed"
	}
	return string(t) // of a newer engine
}

func endsExecution(t protocol.EventType) bool {
	switch t {
	case protocol.EventExecutionSucceeded, protocol.EventExecutionFailed, protocol.EventExecutionTimedOut, protocol.EventExecutionStopped:
		return true
	}
	return false
}

// because words an error as the end of a sentence.
func because(e *protocol.ErrorObject) string {
	if s := ErrorLine(e); s != "" {
		return ": " + clip(s, 300)
	}
	return ""
}

// ErrorLine is an error object on one line that cannot steer a terminal.
func ErrorLine(e *protocol.ErrorObject) string { return cli.Printable(e.Line()) }

// Span words a duration that was measured.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return text.Duration(d)
}

// seconds words a duration in whole seconds, as waits have.
func seconds(n int64) string { return text.Duration(time.Duration(n) * time.Second) }

// offset is the time since the execution's start, for the left edge of a line.
func offset(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("+%.2fs", max(d, 0).Seconds())
	}
	return "+" + text.Duration(d)
}

// clock is the local time of day, with the date if it is not today.
func clock(t protocol.Timestamp) string {
	local := t.Time().Local()
	if local.Format(time.DateOnly) == time.Now().Format(time.DateOnly) {
		return local.Format(time.TimeOnly)
	}
	return local.Format(time.DateTime)
}

// clip cuts s to at most n runes.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:max(n-1, 0)]) + "…"
}
