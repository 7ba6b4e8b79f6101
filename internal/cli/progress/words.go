package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/span"
	"github.com/perdure/perdure/internal/wire"
)

// kindOf names an operation in the words of the protocol: its subtype where
// it says more than the type.
func kindOf(e *wire.Event) string {
	switch e.SubType {
	case wire.SubTypeStep, wire.SubTypeWait, wire.SubTypeCallback, wire.SubTypeMap, wire.SubTypeParallel:
		return strings.ToLower(e.SubType)
	case wire.SubTypeRunInChildContext:
		return "context"
	case wire.SubTypeWaitForCondition:
		return "wait for condition"
	case wire.SubTypeWaitForCallback:
		return "wait for callback"
	case wire.SubTypeChainedInvoke:
		return "invoke"
	case wire.SubTypeMapIteration:
		return "item"
	case wire.SubTypeParallelBranch:
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
func ending(t wire.EventType) string {
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

func endsExecution(t wire.EventType) bool {
	switch t {
	case wire.EventExecutionSucceeded, wire.EventExecutionFailed, wire.EventExecutionTimedOut, wire.EventExecutionStopped:
		return true
	}
	return false
}

// because words an error as the end of a sentence.
func because(e *wire.ErrorObject) string {
	if s := ErrorLine(e); s != "" {
		return ": " + clip(s, 300)
	}
	return ""
}

// ErrorLine is an error object on one line that cannot steer a terminal.
func ErrorLine(e *wire.ErrorObject) string { return cli.Printable(e.Line()) }

// Span words a duration that was measured.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return span.Whole(d)
}

// seconds words a duration in whole seconds, as waits have.
func seconds(n int64) string { return span.Whole(time.Duration(n) * time.Second) }

// offset is the time since the execution's start, for the left edge of a line.
func offset(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("+%.2fs", max(d, 0).Seconds())
	}
	return "+" + span.Whole(d)
}

// clock is the local time of day, with the date if it is not today.
func clock(t wire.Timestamp) string {
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
