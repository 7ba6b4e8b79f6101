package transport

import (
	"bytes"
	"fmt"

	"github.com/perdure/perdure/protocol"
)

// readCheckpointReply reads the answer to a checkpoint, and the marker of the
// operations that did not fit into it.
func readCheckpointReply(data []byte) (reply *protocol.CheckpointReply, marker string, err error) {
	reply = new(protocol.CheckpointReply)
	var state protocol.InitialState
	err = readReply(data, func(r *jsonReader, key string) {
		switch key {
		case "CheckpointToken":
			reply.Token = r.text()
		case "NewExecutionState":
			if !r.null() {
				r.state(&state)
			}
		default:
			r.skip()
		}
	})
	reply.Operations = state.Operations
	return reply, state.NextMarker, err
}

func readStateReply(data []byte) (*protocol.StateReply, error) {
	reply := new(protocol.StateReply)
	err := readReply(data, func(r *jsonReader, key string) {
		switch key {
		case "NextMarker":
			reply.NextMarker = r.text()
		case "Operations":
			if !r.null() {
				reply.Operations = r.operations()
			}
		default:
			r.skip()
		}
	})
	return reply, err
}

// readReply reads an object in the API's dialect. The service would never send
// anything else, so what cannot be read is as good as not received.
func readReply(data []byte, member func(r *jsonReader, key string)) error {
	r := &jsonReader{data: bytes.ToValidUTF8(data, []byte("\ufffd")), ok: true, dialect: protocol.API}
	r.object(func(key string) { member(r, key) })
	r.space()
	if !r.ok || r.pos != len(r.data) {
		return fmt.Errorf("the service's reply of %d bytes is not one, at %q", len(data), excerpt(r.data[min(r.pos, len(r.data)):]))
	}
	return nil
}
