package rehearsal

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Code is today's code: it answers the event of an invocation. An error is of an invocation without an answer.
type Code func(ctx context.Context, event []byte) (answer []byte, err error)

// Kind is what came of a rehearsal.
type Kind string

// The kinds of verdicts.
const (
	Replays  Kind = "replays"   // the code meets all records, and what the recording says of the end
	Differs  Kind = "differs"   // the code does not do what is recorded
	Unread   Kind = "unread"    // the code cannot read a recorded result
	Input    Kind = "input"     // the code cannot read the execution's input
	Outcome  Kind = "outcome"   // the code comes to another end than the recorded one
	Fails    Kind = "fails"     // the code meets the records of an open execution, and then fails
	NoAnswer Kind = "no answer" // the code did not answer as a durable function does
)

// Verdict says what came of a rehearsal.
type Verdict struct {
	Kind       Kind
	Text       string      // what does not fit, on one line; empty if the code replays
	Divergence *Divergence // nil unless the code told where
	Lost       []Loss      // what of recorded values today's types do not keep; the code may replay all the same

	recording *Recording
}

// maxText bounds texts of others in verdicts, in bytes.
const maxText = 400

// Rehearse tries the recording with code. It ends with ctx at the latest, if code does.
func (r *Recording) Rehearse(ctx context.Context, code Code) *Verdict {
	v := &Verdict{recording: r}
	out, err := r.invoke(ctx, code, r.visible)
	if err != nil {
		v.Kind, v.Text = NoAnswer, "the code gave no answer: "+protocol.Clip(err.Error(), maxText)
		return v
	}
	if out.Error != nil {
		v.Lost = r.losses(out.Error.StackTrace)
	}
	switch out.Status {
	case protocol.InvocationFailed:
		v.failed(out.Error)
	case protocol.InvocationSucceeded:
		v.succeeded(out.Result)
	default:
		v.pending(ctx, code)
	}
	return v
}

func (r *Recording) invoke(ctx context.Context, code Code,
	ops []*protocol.Operation) (*protocol.InvocationOutput, error) {
	answer, err := code(ctx, protocol.AppendInput(nil, &protocol.InvocationInput{
		DurableExecutionArn: r.ARN, CheckpointToken: protocol.RehearsalToken,
		InitialExecutionState: protocol.InitialState{Operations: ops},
	}))
	if err != nil {
		return nil, err
	}
	out, err := protocol.ReadOutput(answer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("what it answered is not the answer of a durable function: %w", err)
	case out.Status == protocol.InvocationFailed && out.Error == nil:
		out.Error = &protocol.ErrorObject{}
	}
	return out, nil
}

// inputUnread is how package durable names the input that it cannot read.
const inputUnread = "decode the execution's input"

// failed judges an error.
func (v *Verdict) failed(e *protocol.ErrorObject) {
	r := v.recording
	line := protocol.Clip(e.Line(), maxText)
	v.Divergence = Parse(e)
	switch d := v.Divergence; {
	case strings.Contains(e.ErrorMessage, inputUnread) && (d == nil || d.Current == ""):
		v.Kind, v.Text = Input, "the code cannot read the recorded input: "+line
		if d != nil {
			v.Text, v.Divergence = "the code cannot read the recorded input: "+protocol.Clip(d.Fails, maxText), nil
		}
	case d != nil && d.Current != "" && d.Current == d.Recorded && strings.Contains(d.Fails, "cannot encode or decode"):
		v.Kind, v.Text = Unread, d.Line()
	case d != nil:
		v.Kind, v.Text = Differs, d.Line()
	case r.ended() == "":
		v.Kind, v.Text = Fails, "the code meets all records, and then fails: "+line
	case r.ended() == protocol.ExecutionFailed && sameError(r.Error, e):
		v.Kind = Replays
	default:
		v.Kind, v.Text = Outcome, fmt.Sprintf("the execution %s, and the code now fails: %s", r.end(), line)
	}
}

func sameError(a, b *protocol.ErrorObject) bool {
	return a == nil || a.ErrorType == b.ErrorType && a.ErrorMessage == b.ErrorMessage
}

// end says how the execution came to its end.
func (r *Recording) end() string {
	if r.Status == protocol.ExecutionFailed {
		return "failed with " + protocol.Clip(r.Error.Line(), maxText)
	}
	return "succeeded with " + clipped(r.Result)
}

func clipped(payload *string) string {
	if payload == nil || *payload == "" {
		return "no result"
	}
	return "the result " + protocol.Clip(*payload, maxText)
}

// succeeded judges a result.
func (v *Verdict) succeeded(result *string) {
	r := v.recording
	ended := r.ended()
	if ended == "" || ended == protocol.ExecutionSucceeded && r.sameResult(result) {
		v.Kind = Replays
		return
	}
	v.Kind = Outcome
	v.Text = fmt.Sprintf("the execution %s, and the code now returns %s", r.end(),
		strings.TrimPrefix(clipped(result), "the "))
}

// sameResult reports whether a result is the recorded one. Without the recorded ARN, of which package durable derives
// UUIDs, these may be others.
func (r *Recording) sameResult(result *string) bool {
	text := func(s *string) string {
		switch {
		case s == nil:
			return ""
		case r.named:
			return *s
		}
		return regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(*s, "UUID")
	}
	was, is := text(r.Result), text(result)
	return was == is || json.Valid([]byte(was)) && json.Valid([]byte(is)) &&
		reflect.DeepEqual(decoded(was), decoded(is))
}

// pending judges code that has come to the end of what is recorded, and has more to do.
func (v *Verdict) pending(ctx context.Context, code Code) {
	r := v.recording
	if r.ended() == "" || r.Result != nil && protocol.StringSize(*r.Result) > protocol.MaxSyncPayload-64 {
		v.Kind = Replays // a result that is too large for an answer is the next thing to record
		return
	}
	what := "something that is not recorded"
	if v.Divergence = r.probe(ctx, code); v.Divergence != nil {
		what = fmt.Sprintf("%s, operation %s, which is not recorded", v.Divergence.Current, v.Divergence.ID)
	}
	v.Kind, v.Text = Outcome, fmt.Sprintf("the execution %s, and the code now goes on with %s", r.end(), what)
}

// probe finds out what the handler does next, by a record that no code meets; nil if it does not show.
func (r *Recording) probe(ctx context.Context, code Code) *Divergence {
	next := 1
	for _, op := range r.Operations[1:] {
		first, _, _ := strings.Cut(op.ID, "-")
		if n, err := strconv.Atoi(first); err == nil {
			next = max(next, n+1)
		}
	}
	op := &protocol.Operation{ID: strconv.Itoa(next), Type: protocol.TypeStep, SubType: "Probe",
		Status: protocol.StatusStarted, Start: r.execution().Start}
	out, err := r.invoke(ctx, code, append(slices.Clip(r.visible), op))
	if err != nil {
		return nil
	}
	d := Parse(out.Error)
	if d == nil || d.Current == "" {
		return nil
	}
	if d.ID == op.ID {
		d.Recorded = ""
	}
	return d
}
