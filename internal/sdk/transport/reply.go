package transport

import (
	"errors"
	"fmt"

	"github.com/perdure/perdure/protocol"
)

// readCheckpointReply reads the answer to a checkpoint, and the marker of the operations that did not fit into it.
func readCheckpointReply(data []byte) (reply *protocol.CheckpointReply, marker string, err error) {
	reply = new(protocol.CheckpointReply)
	var state protocol.InitialState
	err = readReply(data, func(r *protocol.Reader, name string) {
		switch name {
		case "CheckpointToken":
			reply.Token = r.Text()
		case "NewExecutionState":
			state = r.State(protocol.API)
		default:
			r.Skip()
		}
	})
	reply.Operations = state.Operations
	return reply, state.NextMarker, err
}

func readStateReply(data []byte) (*protocol.StateReply, error) {
	reply := new(protocol.StateReply)
	err := readReply(data, func(r *protocol.Reader, name string) {
		switch name {
		case "NextMarker":
			reply.NextMarker = r.Text()
		case "Operations":
			reply.Operations = r.Operations(protocol.API)
		default:
			r.Skip()
		}
	})
	return reply, err
}

// readReply reads an object in the API's dialect. A reply that cannot be read is not the service's, so it counts as
// not received.
func readReply(data []byte, member func(r *protocol.Reader, name string)) error {
	r := protocol.NewLenientReader(data)
	if r.Peek() != '{' {
		r.Fail("The reply is not an object.")
	}
	for name := range r.Members() {
		member(r, string(name))
	}
	r.End()
	if r.Err() != nil {
		return fmt.Errorf("the service's reply of %d bytes is not one, at %q", len(data), excerpt(r.Rest()))
	}
	return nil
}

// errNotDurable tells people what to change: only they send other payloads; the service always sends an envelope.
var errNotDurable = errors.New("perdure: the payload is not a durable invocation: this function is durable, so it " +
	"needs a DurableConfig where it is deployed, and on Lambda a qualified name (version, alias or $LATEST) to be " +
	"invoked by; to run it on this machine use perdure")

// ReadInvocation reads what the service sends to invoke a durable function.
func ReadInvocation(payload []byte) (*protocol.InvocationInput, error) {
	in, err := protocol.ReadInput(payload)
	if err != nil || in.DurableExecutionArn == "" || in.CheckpointToken == "" {
		return nil, errNotDurable
	}
	return in, nil
}
