package transport

import (
	"errors"

	"github.com/perdure/perdure/protocol"
)

// errNotDurable tells people what to change: only they send other payloads; the service always sends an envelope.
var errNotDurable = errors.New("perdure: the payload is not a durable invocation: this function is durable, so it needs a DurableConfig where it is deployed, and on Lambda a qualified name (version, alias or $LATEST) to be invoked by; to run it on this machine use perdure")

// ReadInvocation reads what the service sends to invoke a durable function.
func ReadInvocation(payload []byte) (*protocol.InvocationInput, error) {
	in, err := protocol.ReadInput(payload)
	if err != nil || in.DurableExecutionArn == "" || in.CheckpointToken == "" {
		return nil, errNotDurable
	}
	return in, nil
}
