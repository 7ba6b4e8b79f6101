package engine

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// An execution belongs to a trace from its start on: to that of the header with
// which it was started, or to a new one. Functions are told by X-Ray's header.
//
// Lambda puts an id of its own between the caller and each invocation, for a
// segment of its own in X-Ray. An engine without a tracer exports nothing of the
// kind, so whoever follows the trace would lose its way; it does so only if it
// is strict. With a tracer that id is the execution's span, see tracer.go.

// traceOf is the trace header of an execution, or of the call of a plain
// function, that id names.
func traceOf(given, id string, start protocol.Timestamp) string {
	if given != "" {
		return given
	}
	sum := sha256.Sum256([]byte(id)) // repeatable, like all that follows from an execution's identity
	return fmt.Sprintf("Root=1-%08x-%s", uint32(start/1000), hex.EncodeToString(sum[:12]))
}

// invocationTrace is the trace header of one invocation of the execution with
// that ARN, or of a call, which has none.
func (e *Engine) invocationTrace(header, arn string) string {
	switch {
	case e.opts.Tracer != nil && arn != "":
		return below(header, executionSpan(arn))
	case e.opts.Strict:
		return ownParent(header)
	}
	return header
}

// ownParent is what Lambda makes of a trace header: its own id is the parent,
// and what nobody has decided to sample is not sampled.
func ownParent(header string) string {
	root, sampled := traceFields(header)
	if root == "" {
		return header // of another kind than X-Ray's
	}
	id := make([]byte, 8)
	rand.Read(id)
	return fmt.Sprintf("Root=%s;Parent=%x;Sampled=%s", root, id, cmp.Or(sampled, "0"))
}

// traceFields reads X-Ray's header; what is not there is empty.
func traceFields(header string) (root, sampled string) {
	for field := range strings.SplitSeq(header, ";") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(field), "="); name {
		case "Root":
			root = value
		case "Sampled":
			sampled = value
		}
	}
	return root, sampled
}
