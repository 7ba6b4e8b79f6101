package progress

import (
	"fmt"
	"slices"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

// operation is what the view knows of one operation.
type operation struct {
	id, name string
	kind     string // step, wait, …
	depth    int
	started  protocol.Timestamp // of the operation, or of a step's attempt
	attempt  int
	until    protocol.Timestamp // when the wait or the delay is over; zero if there is none
	next     string             // what happens then; empty for the end of the operation
	note     string             // what it is waiting for
}

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
	switch {
	case e.Type == protocol.EventExecutionStarted:
		v.idle = "handler running"
		return line{}
	case e.Type == protocol.EventInvocationCompleted:
		return v.invocationCompleted(e)
	case e.Type == protocol.EventExecutionPaused, e.Type == protocol.EventExecutionResumed:
		return v.pauseChanged(e)
	case endsExecution(e.Type):
		v.open = nil
		v.ended = true
		v.erase()
		return v.executionEnded(e)
	}
	o := v.operation(e)
	l := line{at: e.Time, name: o.name, depth: o.depth}
	l.text, l.tone, l.passing = v.operationEvent(o, e)
	v.idle = "handler running"
	return l
}

func (v *View) operation(e *protocol.Event) *operation {
	if o := v.ops[e.OpID]; o != nil {
		return o
	}
	o := &operation{id: e.OpID, name: e.Name, kind: kindOf(e), attempt: 1}
	if parent := v.ops[e.ParentID]; parent != nil {
		o.depth = parent.depth + 1
	}
	if o.name == "" {
		o.name = "(" + o.kind + " " + clip(o.id, 12) + ")"
	}
	v.ops[e.OpID] = o
	return o
}

func (v *View) setOpen(o *operation, at protocol.Timestamp) {
	o.started, o.until, o.next, o.note = at, 0, "", ""
	if !slices.Contains(v.open, o) {
		v.open = append(v.open, o)
	}
}

func (v *View) setClosed(o *operation) {
	v.open = slices.DeleteFunc(v.open, func(p *operation) bool { return p == o })
}

// operationEvent words an event of o and keeps o up to date.
func (v *View) operationEvent(o *operation, e *protocol.Event) (text string, t tone, passing bool) {
	switch e.Type {
	case protocol.EventStepStarted, protocol.EventContextStarted:
		v.setOpen(o, e.Time)
		return o.kind + " started" + o.again(), quiet, true
	case protocol.EventWaitStarted:
		v.setOpen(o, e.Time)
		o.until = e.ScheduledEnd
		return fmt.Sprintf("wait %s, until %s", seconds(e.Duration), clock(e.ScheduledEnd)), quiet, true
	case protocol.EventCallbackStarted:
		return v.callbackStarted(o, e), quiet, false
	case protocol.EventChainedInvokeStarted:
		v.setOpen(o, e.Time)
		o.note = "function " + cli.Printable(e.FunctionName)
		return "invokes " + cli.Printable(e.FunctionName), quiet, true
	case protocol.EventStepSucceeded:
		return v.stepSucceeded(o, e), good, false
	case protocol.EventStepFailed:
		return v.stepFailed(o, e)
	case protocol.EventWaitSucceeded:
		v.setClosed(o)
		return "wait over after " + seconds(e.Duration), good, false
	case protocol.EventWaitCancelled:
		v.setClosed(o)
		return "wait cancelled" + because(e.Error), quiet, false
	case protocol.EventContextSucceeded, protocol.EventCallbackSucceeded, protocol.EventChainedInvokeSucceeded:
		v.setClosed(o)
		return o.kind + " succeeded" + took(e.Time.Sub(o.started)), good, false
	}
	v.setClosed(o)
	return o.kind + " " + ending(e.Type) + because(e.Error), bad, false
}

func (v *View) callbackStarted(o *operation, e *protocol.Event) string {
	v.setOpen(o, e.Time)
	if e.Timeout > 0 {
		o.until = e.Time.AddSeconds(e.Timeout)
	}
	o.note = "callback " + cli.Printable(e.CallbackID)
	return "waits for callback " + cli.Printable(e.CallbackID)
}

func (v *View) stepSucceeded(o *operation, e *protocol.Event) string {
	attempt := max(e.CurrentAttempt, 1)
	if e.NextAttemptDelay > 0 {
		v.pause(o, e, "next check")
		return fmt.Sprintf("check %d: not yet, again in %s", attempt, seconds(e.NextAttemptDelay))
	}
	v.setClosed(o)
	text := o.kind + " succeeded"
	if attempt > 1 {
		text += fmt.Sprintf(", attempt %d", attempt)
	}
	return text + took(e.Time.Sub(o.started))
}

func (v *View) stepFailed(o *operation, e *protocol.Event) (string, tone, bool) {
	attempt := max(e.CurrentAttempt, 1)
	if e.NextAttemptDelay > 0 {
		v.pause(o, e, fmt.Sprintf("attempt %d", attempt+1))
		return fmt.Sprintf("attempt %d failed%s; retry in %s", attempt, because(e.Error), seconds(e.NextAttemptDelay)), warn, false
	}
	v.setClosed(o)
	if attempt > 1 {
		return fmt.Sprintf("%s failed for good, attempt %d%s", o.kind, attempt, because(e.Error)), bad, false
	}
	return o.kind + " failed" + because(e.Error), bad, false
}

// pause shows o as waiting for what is next.
func (v *View) pause(o *operation, e *protocol.Event, next string) {
	v.setOpen(o, e.Time)
	o.attempt = max(e.CurrentAttempt, 1) + 1
	o.until, o.next = e.Time.AddSeconds(e.NextAttemptDelay), next
}

// invocationCompleted says nothing of an invocation that went well.
func (v *View) invocationCompleted(e *protocol.Event) line {
	v.idle = "suspended"
	if e.Error == nil {
		return line{}
	}
	v.idle = "invocation failed; the function is started again after a pause"
	return line{at: e.Time, name: "(invocation)", text: "invocation failed" + because(e.Error) + "; it will be tried again", tone: warn}
}

// pauseChanged tells of an execution that somebody paused or resumed.
func (v *View) pauseChanged(e *protocol.Event) line {
	v.paused = e.Type == protocol.EventExecutionPaused
	l := line{at: e.Time, name: "(execution)", text: "execution resumed", tone: quiet}
	if v.paused {
		l.text, l.tone = "execution paused", warn
	}
	if e.Payload != nil {
		l.text += ": " + clip(cli.Printable(*e.Payload), 300)
	}
	return l
}

func (v *View) executionEnded(e *protocol.Event) line {
	l := line{at: e.Time, name: "(execution)", tone: bad}
	after := " after " + Span(e.Time.Sub(v.started))
	switch e.Type {
	case protocol.EventExecutionSucceeded:
		l.text, l.tone = "execution succeeded"+after, good
	case protocol.EventExecutionFailed:
		l.text = "execution failed" + after // the error is told at the end
	case protocol.EventExecutionTimedOut:
		l.text = "execution timed out" + after
	default:
		l.text = "execution stopped" + after
	}
	return l
}

func (o *operation) again() string {
	if o.attempt > 1 {
		return fmt.Sprintf(", attempt %d", o.attempt)
	}
	return ""
}

// took is how long something lasted, if that is worth saying. A short step
// starts and ends in one checkpoint, so its duration is not known.
func took(d time.Duration) string {
	if d < time.Millisecond {
		return ""
	}
	return " in " + Span(d)
}
