package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// Checkpoint tokens and callback ids are capabilities: base64 of the execution's
// id, one or two numbers, and a truncated HMAC of both under a key that the
// store keeps. They cannot be guessed, and they say where they belong without a
// lookup.

// macSize is 128 bits, out of reach of guessing.
const macSize = 16

// The kinds of capability; the kind is signed, so one never passes for the other.
const (
	kindToken    = 't'
	kindCallback = 'c'
)

// seal makes a capability.
func (e *Engine) seal(kind byte, executionID string, numbers ...int64) string {
	id, err := uuid.Parse(executionID)
	if err != nil {
		panic("engine: execution id is not a UUID: " + executionID)
	}
	b := append(make([]byte, 0, 64), kind)
	b = append(b, id[:]...)
	for _, n := range numbers {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return base64.StdEncoding.EncodeToString(append(b, e.mac(b)...))
}

// unseal reads a capability with count numbers.
func (e *Engine) unseal(kind byte, s string, count int) (executionID string, numbers []int64, ok bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) < 17+count+macSize || b[0] != kind {
		return "", nil, false
	}
	body, mac := b[:len(b)-macSize], b[len(b)-macSize:]
	if !hmac.Equal(mac, e.mac(body)) {
		return "", nil, false
	}
	id, rest := uuid.UUID(body[1:17]), body[17:]
	for range count {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			return "", nil, false
		}
		numbers, rest = append(numbers, int64(n)), rest[size:]
	}
	return id.String(), numbers, len(rest) == 0
}

func (e *Engine) mac(b []byte) []byte {
	h := hmac.New(sha256.New, e.secret)
	h.Write(b)
	return h.Sum(nil)[:macSize]
}

// token is the checkpoint token that stands for a fence.
func (e *Engine) token(executionID string, f machine.Fence) string {
	return e.seal(kindToken, executionID, f.Invocation, f.Seq)
}

// fence reads a token that belongs to the execution with this ARN.
func (e *Engine) fence(arn, token string) (executionID string, f machine.Fence, err error) {
	id, n, ok := e.unseal(kindToken, token, 2)
	if !ok {
		return "", f, machine.StaleToken()
	}
	a, err := protocol.ParseARN(arn)
	if err != nil || a.ID != id {
		return "", f, protocol.Errorf(protocol.CodeInvalidParameter, "Checkpoint token is not valid for the durable execution ARN")
	}
	return id, machine.Fence{Invocation: n[0], Seq: n[1]}, nil
}
