package progress

import (
	"fmt"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// kindOf names an operation in the words of the protocol: its subtype where it says more than the type.
func kindOf(o *history.Operation) string {
	if kind := kinds[o.Kind()]; kind != "" {
		return kind
	}
	return kinds[o.Plain()]
}

var kinds = map[string]string{
	"Context":                         "context",
	protocol.SubTypeStep:              "step",
	protocol.SubTypeWait:              "wait",
	protocol.SubTypeCallback:          "callback",
	protocol.SubTypeMap:               "map",
	protocol.SubTypeParallel:          "parallel",
	protocol.SubTypeRunInChildContext: "context",
	protocol.SubTypeWaitForCondition:  "wait for condition",
	protocol.SubTypeWaitForCallback:   "wait for callback",
	protocol.SubTypeChainedInvoke:     "invoke",
	protocol.SubTypeMapIteration:      "item",
	protocol.SubTypeParallelBranch:    "branch",
}

// endings word how operations end badly.
var endings = map[protocol.OperationStatus]string{
	protocol.StatusFailed: "failed", protocol.StatusTimedOut: "timed out", protocol.StatusStopped: "was stopped",
}

// because words an error as the end of a sentence.
func because(e *protocol.ErrorObject) string {
	if s := ErrorLine(e); s != "" {
		return ": " + text.Clip(s, 300)
	}
	return ""
}

// ErrorLine is an error object on one line that cannot steer a terminal.
func ErrorLine(e *protocol.ErrorObject) string { return cli.Printable(e.Line()) }

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
