package progress

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// line says that something happened.
type line struct {
	at      protocol.Timestamp
	name    string
	depth   int
	text    string // empty: nothing to say
	tone    tone
	passing bool // of interest only until the next event of the operation
}

// apply takes e in and words it.
func (v *View) apply(e *protocol.Event) line {
	since := e.Time
	if o := v.fold.Operation(e.OpID); o != nil {
		since = o.Since
	}
	o := v.fold.Add(e)
	switch {
	case e.Type == protocol.EventExecutionStarted:
		v.idle = "handler running"
		return line{}
	case e.Type == protocol.EventInvocationCompleted:
		return v.invocationCompleted(e)
	case e.EndsExecution():
		v.open = nil
		v.ended = true
		v.erase()
		return v.executionEnded(e)
	case e.Type.Meaning().Execution != "":
		return v.pauseChanged(e)
	case o == nil: // of a newer engine
		return line{at: e.Time, name: cmp.Or(e.Name, e.OpID), text: string(e.Type) + because(e.Error), tone: bad}
	case !o.Open():
		v.open = slices.DeleteFunc(v.open, func(p *history.Operation) bool { return p == o })
	case !slices.Contains(v.open, o):
		v.open = append(v.open, o)
	}
	v.idle = "handler running"
	l := line{at: e.Time, name: nameOf(o), depth: o.Depth}
	l.text, l.tone, l.passing = operationEvent(o, e, since)
	return l
}

// nameOf is what an operation is called on the screen.
func nameOf(o *history.Operation) string {
	if o.Name == "" {
		return "(" + kindOf(o) + " " + text.Clip(o.ID, 12) + ")"
	}
	return o.Name
}

// operationEvent words an event of o, which has done something else since a moment.
func operationEvent(
	o *history.Operation, e *protocol.Event, since protocol.Timestamp,
) (words string, t tone, passing bool) {
	kind := kindOf(o)
	switch o.Status {
	case protocol.StatusStarted:
		return starting(o, e), quiet, o.Type != protocol.TypeCallback
	case protocol.StatusPending:
		if e.Error == nil {
			return fmt.Sprintf("check %d: not yet, again in %s",
				max(o.Attempt, 1), seconds(e.NextAttemptDelay)), good, false
		}
		return fmt.Sprintf("attempt %d failed%s; retry in %s",
			max(o.Attempt, 1), because(e.Error), seconds(e.NextAttemptDelay)), warn, false
	case protocol.StatusCancelled:
		return "wait cancelled" + because(e.Error), quiet, false
	case protocol.StatusSucceeded:
		if o.Type == protocol.TypeWait {
			return "wait over after " + seconds(e.Duration), good, false
		}
		return kind + " succeeded" + nth(o.Attempt) + took(e.Time.Sub(since)), good, false
	}
	if o.Attempt > 1 {
		return kind + " failed for good" + nth(o.Attempt) + because(e.Error), bad, false
	}
	return kind + " " + endings[o.Status] + because(e.Error), bad, false
}

// starting words the beginning of o, or of another attempt.
func starting(o *history.Operation, e *protocol.Event) string {
	switch o.Type {
	case protocol.TypeWait:
		return fmt.Sprintf("wait %s, until %s", seconds(e.Duration), clock(o.ScheduledEnd))
	case protocol.TypeCallback:
		return "waits for callback " + cli.Printable(o.CallbackID)
	case protocol.TypeChainedInvoke:
		return "invokes " + cli.Printable(o.Function)
	}
	return kindOf(o) + " started" + nth(o.Attempt+1)
}

// nth mentions an attempt that is not the first.
func nth(attempt int) string {
	if attempt > 1 {
		return fmt.Sprintf(", attempt %d", attempt)
	}
	return ""
}

// invocationCompleted says nothing of an invocation that went well.
func (v *View) invocationCompleted(e *protocol.Event) line {
	v.idle = "suspended"
	if e.Error == nil {
		return line{}
	}
	v.idle = "invocation failed; the function is started again after a pause"
	text := "invocation failed" + because(e.Error) + "; it will be tried again"
	return line{at: e.Time, name: "(invocation)", text: text, tone: warn}
}

// pauseChanged tells of an execution that somebody paused or resumed.
func (v *View) pauseChanged(e *protocol.Event) line {
	l := line{at: e.Time, name: "(execution)", text: "execution resumed", tone: quiet}
	if v.fold.Status == protocol.ExecutionPaused {
		l.text, l.tone = "execution paused", warn
	}
	if e.Payload != nil {
		l.text += ": " + text.Clip(cli.Printable(*e.Payload), 300)
	}
	return l
}

func (v *View) executionEnded(e *protocol.Event) line {
	l := line{at: e.Time, name: "(execution)", tone: bad}
	after := " after " + text.Elapsed(e.Time.Sub(v.fold.First))
	switch v.fold.Status {
	case protocol.ExecutionSucceeded:
		l.text, l.tone = "execution succeeded"+after, good
	case protocol.ExecutionFailed:
		l.text = "execution failed" + after // the error is told at the end
	case protocol.ExecutionTimedOut:
		l.text = "execution timed out" + after
	default:
		l.text = "execution stopped" + after
	}
	return l
}

// took is how long something lasted, if that is worth saying. A short step starts and ends in one checkpoint, so nobody
// knows how long it took.
func took(d time.Duration) string {
	if d < time.Millisecond {
		return ""
	}
	return " in " + text.Elapsed(d)
}
