package progress

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/cli"
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

// runtimePrefix is how Lambda's runtime begins its messages.
var runtimePrefix = regexp.MustCompile(`^RequestId: [0-9a-f-]+ (Error: )?`)

// ErrorLine is an error object on one line: its type and its message.
func ErrorLine(e *wire.ErrorObject) string {
	if e == nil {
		return ""
	}
	message := cli.Printable(strings.Join(strings.Fields(e.ErrorMessage), " "))
	message = runtimePrefix.ReplaceAllString(message, "")
	kind := cli.Printable(e.ErrorType)
	switch {
	case kind == "":
		return message
	case message == "":
		return kind
	}
	return kind + ": " + message
}

// Span words a duration that was measured.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return Whole(d)
}

// seconds words a duration in whole seconds, as waits have.
func seconds(n int64) string { return Whole(time.Duration(n) * time.Second) }

// Whole words d in at most two units, rounded up to whole seconds.
func Whole(d time.Duration) string {
	s := int64((max(d, 0) + time.Second - 1) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return two(s/60, "m", s%60, "s")
	case s < 86400:
		return two(s/3600, "h", s%3600/60, "m")
	}
	return two(s/86400, "d", s%86400/3600, "h")
}

func two(a int64, unitA string, b int64, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d%s", a, unitA)
	}
	return fmt.Sprintf("%d%s%02d%s", a, unitA, b, unitB)
}

// offset is the time since the execution's start, for the left edge of a line.
func offset(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("+%.2fs", max(d, 0).Seconds())
	}
	return "+" + Whole(d)
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
