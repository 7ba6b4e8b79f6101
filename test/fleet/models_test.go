package fleet

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/perdure/perdure/protocol"
)

// The models say what one engine, asked one thing after the other, answers. A request of an unknown outcome never
// returns, so it may take effect at any later moment, and also behind all others, which is as good as never.

var modelOf = map[string]string{
	"start": "names", "find": "names", "delete": "names",
	"checkpoint": "checkpoints", "steps": "checkpoints", "lost": "checkpoints", "begun": "checkpoints",
	"complete": "callbacks", "result": "callbacks",
	"stop": "steering", "pause": "steering", "resume": "steering", "status": "steering",
}

var models = map[string]porcupine.Model{
	"names":       model(named{}, stepNames),
	"checkpoints": model(checkpointed{}, stepCheckpoints),
	"callbacks":   model("", stepCallbacks),
	"steering":    model(protocol.ExecutionRunning, stepSteering),
}

func model[S comparable](first S, step func(S, request, answer) (bool, S)) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(state, in, out any) (bool, any) { return step(state.(S), in.(request), out.(answer)) },
		DescribeOperation: func(in, out any) string {
			what, got := in.(request), out.(answer)
			return fmt.Sprintf("%s: %s %s %.12s -> %s%.60s (unknown: %t)", what.node, what.kind, what.text, what.token,
				got.refusal, got.text, got.unknown)
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
	}
}

// someARN is that of an execution, or someToken that of a checkpoint, which began with a request whose answer nobody
// got. The first answer that tells it settles what it is.
const (
	someARN   = "?"
	someToken = "?"
)

// named is the execution of one name.
type named struct {
	arn, payload string
	deleting     string // the one before, if a list still shows it
}

// stepNames: start has the payload as its text, and answers with an ARN; find answers with one, or nothing; delete has
// the ARN as its text.
func stepNames(s named, in request, out answer) (bool, named) {
	switch in.kind {
	case "start":
		switch {
		case out.unknown && s.arn == "":
			return true, named{arn: someARN, payload: in.text}
		case out.unknown:
			return true, s
		case out.refusal != "":
			return out.refusal == protocol.CodeAlreadyStarted && s.arn != "" && s.payload != in.text, s
		case s.arn == "", s.arn == someARN && s.payload == in.text:
			return true, named{arn: out.text, payload: in.text}
		}
		return s == named{arn: out.text, payload: in.text}, s
	case "find":
		switch {
		case s.arn == "" && out.text != "":
			return s.deleting == out.text, s
		case s.arn == someARN && out.text != "":
			s.arn = out.text
		}
		s.deleting = ""
		return s.arn == out.text, s
	case "delete":
		switch {
		case out.refusal == protocol.CodeConflict: // it is open
			return s.arn == in.text, s
		case out.refusal == protocol.CodeNotFound:
			return s.arn != in.text, s
		case out.refusal != "":
			return false, s
		case s.arn == in.text:
			return true, named{deleting: in.text}
		}
		return true, s // it is being deleted, or it is gone
	}
	return false, s
}

// checkpointed is an execution whose invocation records steps.
type checkpointed struct {
	token string // what the next checkpoint must bring; empty if nobody has one
	steps string // the steps that are recorded, in order
	// The checkpoint before: what it brought, and the answer that a repeat gets.
	before, repeat string
}

// stepCheckpoints: checkpoint has the step as its text, the token that it brings, and the client token with which it is
// repeated until there is an answer, and answers with the next token; steps answers with the steps; begun answers with
// the token of a new invocation, before which the last one was lost at some time.
//
// Whether a checkpoint without an answer was accepted is known by now: see settled. Its token is not.
func stepCheckpoints(s checkpointed, in request, out answer) (bool, checkpointed) {
	switch in.kind {
	case "lost":
		s.token, s.before, s.repeat = "", "", ""
		return true, s
	case "begun":
		s.token, s.before, s.repeat = out.text, "", ""
		return true, s
	case "steps":
		return out.text == s.steps, s
	case "checkpoint":
		current, again := in.token == s.token, s.before == in.token && s.repeat == in.repeat && s.before != ""
		switch {
		case current && out.refusal == "":
			return true, checkpointed{token: out.text, steps: s.steps + in.text + " ", before: in.token, repeat: in.repeat}
		case again && out.refusal == "":
			ok := s.token == out.text || s.token == someToken
			s.token = out.text
			return ok, s
		}
		return out.refusal == protocol.CodeInvalidParameter && !current && !again, s
	}
	return false, s
}

// stepCallbacks: the state is the result, empty while there is none; complete has it as its text, and result answers
// with it.
func stepCallbacks(s string, in request, out answer) (bool, string) {
	switch {
	case in.kind == "result":
		return out.text == s, s
	case out.refusal != "":
		return out.refusal == protocol.CodeCallbackTimeout && s != "", s
	case s == "":
		return true, in.text
	}
	return out.unknown, s
}

// stepSteering: the state is the status of an execution that waits for what never comes; status answers with it.
func stepSteering(s protocol.ExecutionStatus, in request, out answer) (bool, protocol.ExecutionStatus) {
	from, to := protocol.ExecutionRunning, protocol.ExecutionPaused
	switch in.kind {
	case "status":
		return out.text == string(s), s
	case "stop":
		return out.refusal == "", protocol.ExecutionStopped
	case "resume":
		from, to = to, from
	}
	switch {
	case out.refusal != "":
		return out.refusal == protocol.CodeConflict && s != from, s
	case s == from:
		return true, to
	}
	return out.unknown, s
}
