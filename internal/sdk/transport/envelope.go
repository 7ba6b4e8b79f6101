package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/perdure/perdure/protocol"
)

// Replay begins with decoding the envelope. With encoding/json that takes about
// 7 µs per recorded operation, seventy times what replaying it takes. This
// reader knows the envelope's shape. It gives up on anything it does not
// expect, and encoding/json then decides what to make of it.

// errNotDurable tells a person what to change, since it is people who meet it:
// the service never sends anything but an envelope to a durable function.
var errNotDurable = errors.New("perdure: the payload is not a durable invocation: this function is durable, so it needs a DurableConfig where it is deployed, and on Lambda a qualified name (version, alias or $LATEST) to be invoked by; to run it on this machine use perdure")

// ReadInvocation reads what the service sends to invoke a durable function.
func ReadInvocation(payload []byte) (*protocol.InvocationInput, error) {
	if in, ok := readInput(payload); ok && in.DurableExecutionArn != "" && in.CheckpointToken != "" {
		return in, nil
	}
	in := new(protocol.InvocationInput)
	if err := json.Unmarshal(payload, in); err != nil {
		var syntax *json.SyntaxError
		var shape *json.UnmarshalTypeError
		if errors.As(err, &syntax) || errors.As(err, &shape) {
			return nil, errNotDurable
		}
		return nil, fmt.Errorf("perdure: reading the invocation: %w", err)
	}
	if in.DurableExecutionArn == "" || in.CheckpointToken == "" {
		return nil, errNotDurable
	}
	return in, nil
}

// readInput reads an envelope; false means that it would rather not.
func readInput(data []byte) (*protocol.InvocationInput, bool) {
	r := &jsonReader{data: data, ok: utf8.Valid(data)}
	in := new(protocol.InvocationInput)
	r.object(func(key string) {
		switch key {
		case "DurableExecutionArn":
			in.DurableExecutionArn = r.text()
		case "CheckpointToken":
			in.CheckpointToken = r.text()
		case "InitialExecutionState":
			r.state(&in.InitialExecutionState)
		case "UpdatedOperationIds":
			r.array(func() { in.UpdatedOperationIds = append(in.UpdatedOperationIds, r.text()) })
		default:
			r.skip()
		}
	})
	r.space()
	return in, r.ok && r.pos == len(data)
}

func (r *jsonReader) state(s *protocol.InitialState) {
	r.object(func(key string) {
		switch key {
		case "NextMarker":
			s.NextMarker = r.text()
		case "Operations":
			if !r.null() {
				s.Operations = r.operations()
			}
		default:
			r.skip()
		}
	})
}

func (r *jsonReader) operations() (ops []*protocol.Operation) {
	r.array(func() {
		op := new(protocol.Operation)
		r.operation(op)
		ops = append(ops, op)
	})
	return ops
}

func (r *jsonReader) operation(op *protocol.Operation) {
	r.object(func(key string) {
		switch key {
		case "Id":
			op.ID = r.text()
		case "Type":
			op.Type = protocol.OperationType(r.word())
		case "Status":
			op.Status = protocol.OperationStatus(r.word())
		case "ParentId":
			op.ParentID = r.word()
		case "Name":
			op.Name = r.word()
		case "SubType":
			op.SubType = r.word()
		case "StartTimestamp":
			op.Start = r.time()
		case "EndTimestamp":
			op.End = r.time()
		case "StepDetails", "WaitDetails", "ContextDetails", "ExecutionDetails", "CallbackDetails", "ChainedInvokeDetails":
			r.details(op)
		default:
			r.skip()
		}
	})
}

// details reads any of the details objects: their members do not clash.
func (r *jsonReader) details(op *protocol.Operation) {
	if r.null() {
		return
	}
	r.object(func(key string) {
		switch key {
		case "Result", "InputPayload":
			if !r.null() {
				s := r.text()
				op.Payload = &s
			}
		case "Error":
			r.value(&op.Error)
		case "Attempt":
			op.Attempt = int(r.number())
		case "NextAttemptTimestamp":
			op.NextAttempt = r.time()
		case "ScheduledEndTimestamp":
			op.ScheduledEnd = r.time()
		case "CallbackId":
			op.CallbackID = r.text()
		case "ReplayChildren":
			r.value(&op.ReplayChildren)
		default:
			r.skip()
		}
	})
}

// time reads a moment in the dialect of what is read.
func (r *jsonReader) time() protocol.Timestamp {
	switch {
	case r.null():
		return 0
	case r.dialect == protocol.API:
		return r.seconds()
	}
	return protocol.Timestamp(r.number())
}

// seconds reads seconds since the epoch, which may have a fraction.
func (r *jsonReader) seconds() protocol.Timestamp {
	digits := r.numeral()
	f, err := strconv.ParseFloat(string(digits), 64)
	r.ok = r.ok && err == nil && json.Valid(digits) && math.Abs(f) < 1<<50
	if !r.ok {
		return 0
	}
	return protocol.Timestamp(math.Round(f * 1000))
}
