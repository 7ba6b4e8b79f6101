package lambdaapi

import (
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// maxCheckpointBody bounds a checkpoint's body: the largest payload, in JSON text with every other character
// escaped, and some room.
const maxCheckpointBody = 2*protocol.MaxSyncPayload + 1<<20

var errCheckpointTooLarge = refusal(protocol.CodeRequestTooLarge,
	"Request must be smaller than %d bytes for the CheckpointDurableExecution operation", maxCheckpointBody)

// checkpoint is CheckpointDurableExecution, which a durable function sends for every few operations: one scratch
// buffer serves its body and its answer.
func (a *api) checkpoint(w http.ResponseWriter, r *http.Request, arn string) error {
	buf := getBuffer()
	defer buf.free()
	var err error
	if buf.b, err = readBody(r, buf.b[:0], maxCheckpointBody, errCheckpointTooLarge); err != nil {
		return err
	}
	req, err := decodeCheckpoint(arn, buf.b)
	if err != nil {
		return err
	}
	answer, err := a.engine.Checkpoint(r.Context(), req)
	if err != nil {
		return err
	}
	if r.Header.Get(protocol.MinimalHeader) == protocol.MinimalValue {
		answer.Operations = untold(answer.Operations)
	}
	buf.b = appendCheckpointReply(buf.b[:0], answer)
	writeJSON(w, http.StatusOK, buf.b)
	return nil
}

// untold leaves out what repeats the updates of the function itself. ops stays as it is: the engine keeps it.
func untold(ops []*protocol.Operation) (untold []*protocol.Operation) {
	for _, op := range ops {
		if !op.SelfMade() {
			untold = append(untold, op)
		}
	}
	return untold
}

// appendCheckpointReply leaves an empty token out, which tells the function to stop.
func appendCheckpointReply(dst []byte, answer *engine.CheckpointReply) []byte {
	dst = append(dst, '{')
	if answer.Token != "" {
		dst = append(dst, `"CheckpointToken":`...)
		dst = protocol.AppendString(dst, answer.Token)
		dst = append(dst, ',')
	}
	dst = append(dst, `"NewExecutionState":`...)
	dst = appendState(dst, answer.Operations, "")
	return append(dst, '}')
}

// appendState appends a page of operations. Its marker is empty, not absent, on the last page.
func appendState(dst []byte, ops []*protocol.Operation, next string) []byte {
	dst = append(dst, `{"Operations":`...)
	dst = protocol.AppendOperations(dst, ops, protocol.API)
	dst = append(dst, `,"NextMarker":`...)
	dst = protocol.AppendString(dst, next)
	return append(dst, '}')
}
