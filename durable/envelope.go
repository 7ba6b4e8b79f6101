package durable

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/perdure/perdure/internal/wire"
)

// Replay begins with decoding the envelope. With encoding/json that takes about
// 7 µs per recorded operation, seventy times what replaying it takes. This
// reader knows the envelope's shape. It gives up on anything it does not
// expect, and encoding/json then decides what to make of it.

// readInput reads an envelope; false means that it would rather not.
func readInput(data []byte) (*wire.InvocationInput, bool) {
	r := &envelopeReader{data: data, seen: make(map[string]string), ok: utf8.Valid(data)}
	in := new(wire.InvocationInput)
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

type envelopeReader struct {
	data []byte
	pos  int
	ok   bool
	seen map[string]string // names, types and statuses repeat
}

func (r *envelopeReader) state(s *wire.InitialState) {
	r.object(func(key string) {
		switch key {
		case "NextMarker":
			s.NextMarker = r.text()
		case "Operations":
			r.array(func() {
				op := new(Operation)
				r.operation(op)
				s.Operations = append(s.Operations, op)
			})
		default:
			r.skip()
		}
	})
}

func (r *envelopeReader) operation(op *Operation) {
	r.object(func(key string) {
		switch key {
		case "Id":
			op.ID = r.text()
		case "Type":
			op.Type = wire.OperationType(r.word())
		case "Status":
			op.Status = wire.OperationStatus(r.word())
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
func (r *envelopeReader) details(op *Operation) {
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

// space moves over white space and returns the next byte, 0 at the end.
func (r *envelopeReader) space() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take moves over c.
func (r *envelopeReader) take(c byte) {
	if r.space() != c {
		r.ok = false
		return
	}
	r.pos++
}

func (r *envelopeReader) object(member func(key string)) {
	r.list('{', '}', func() {
		key := r.word()
		r.take(':')
		if r.ok {
			member(key)
		}
	})
}

func (r *envelopeReader) array(element func()) { r.list('[', ']', element) }

func (r *envelopeReader) list(begin, end byte, element func()) {
	r.take(begin)
	if r.ok && r.space() == end {
		r.pos++
		return
	}
	for r.ok {
		element()
		if r.space() == end {
			r.pos++
			return
		}
		r.take(',')
	}
}

// null moves over a null, if there is one.
func (r *envelopeReader) null() bool {
	if r.space() != 'n' {
		return false
	}
	r.skip()
	return true
}

// raw moves over a string without escapes and returns what is between the
// quotes; false if it has escapes.
func (r *envelopeReader) raw() ([]byte, bool) {
	if r.space() != '"' {
		return nil, false
	}
	for i := r.pos + 1; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			s := r.data[r.pos+1 : i]
			r.pos = i + 1
			return s, true
		case c == '\\' || c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// word is a text that is likely to come again.
func (r *envelopeReader) word() string {
	raw, ok := r.raw()
	if !ok {
		return r.text()
	}
	s, ok := r.seen[string(raw)]
	if !ok {
		s = string(raw)
		r.seen[s] = s
	}
	return s
}

func (r *envelopeReader) text() string {
	raw, ok := r.raw()
	if ok {
		return string(raw)
	}
	if r.space() == '"' {
		return r.escaped()
	}
	var s string
	r.value(&s)
	return s
}

// escaped reads a string with escapes, of which payloads, being JSON inside
// JSON, are full. The rare \u is left to encoding/json.
func (r *envelopeReader) escaped() string {
	start := r.pos
	buf := make([]byte, 0, 64)
	for i := r.pos + 1; i < len(r.data); i++ {
		c := r.data[i]
		if c == '"' {
			r.pos = i + 1
			return string(buf)
		}
		if c == '\\' && i+1 < len(r.data) {
			i++
			if c = unescape[r.data[i]]; c == 0 {
				break
			}
		} else if c < ' ' {
			break
		}
		buf = append(buf, c)
	}
	r.pos = start
	var s string
	r.value(&s)
	return s
}

var unescape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// number reads a whole number of a size that never overflows.
func (r *envelopeReader) number() (n int64) {
	r.space()
	start := r.pos
	for ; r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9'; r.pos++ {
		n = n*10 + int64(r.data[r.pos]-'0')
	}
	digits := r.pos - start
	r.ok = r.ok && digits > 0 && digits < 18 && (digits == 1 || r.data[start] != '0')
	return n
}

func (r *envelopeReader) time() wire.Timestamp {
	if r.null() {
		return 0
	}
	return wire.Timestamp(r.number())
}

// skip moves over one value.
func (r *envelopeReader) skip() {
	var v json.RawMessage
	r.value(&v)
}

// value leaves one value to encoding/json.
func (r *envelopeReader) value(v any) {
	if !r.ok {
		return
	}
	r.space()
	end := valueEnd(r.data[r.pos:])
	if json.Unmarshal(r.data[r.pos:r.pos+end], v) != nil {
		r.ok = false
		return
	}
	r.pos += end
}

// valueEnd is where the value at the start of data ends, if it is valid.
func valueEnd(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']' || c == ',') && depth == 0:
			return i
		case c == '}' || c == ']':
			depth--
		}
	}
	return len(data)
}
