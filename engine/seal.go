package engine

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Checkpoint tokens, callback ids and markers are capabilities: base64 of the execution's id, some numbers, and a
// truncated HMAC of both under a key that the store keeps. Nobody can guess them, and they need no lookup.

// macSize is 128 bits, which nobody guesses.
const macSize = 16

// The kinds of capability. The kind is signed, so one never passes for another.
//
// A marker says where a page ended. Sealed, one of another execution, of another list or of nobody's making is refused.
const (
	kindToken    = 't'
	kindCallback = 'c'
	kindState    = 's' // marker of an execution's operations: the position to go on from
	kindHistory  = 'h' // marker of its events: a place, and the direction
	kindList     = 'l' // marker of executions: the last one, and which list it is
	kindVouch    = 'v' // no capability, but a node's word for a request that it passes on
)

// seals makes and reads capabilities with the key of an engine.
type seals struct{ signers *sync.Pool } // of *signer

// signer is used again, as every checkpoint has two seals: a fresh hash has to hash the key first, and makes eight
// allocations.
type signer struct {
	hash hash.Hash
	text [maxSealed]byte
	buf  [maxSealed]byte
}

// maxSealed is more than a capability takes, in bytes and in base64: a kind, an id, three numbers and a MAC.
const maxSealed = 128

func newSeals(key []byte) seals {
	return seals{&sync.Pool{New: func() any { return &signer{hash: hmac.New(sha256.New, key)} }}}
}

// openSeals returns the seals of the engine whose store this is.
func openSeals(ctx context.Context, st store.Store) (seals, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	key, err := st.EnsureDocument(ctx, "secret", "token-key", fresh)
	return newSeals(key), err
}

func (s seals) seal(kind byte, executionID string, numbers ...int64) string {
	id, err := uuid.Parse(executionID)
	if err != nil {
		panic("engine: execution id is not a UUID: " + executionID)
	}
	m := s.signers.Get().(*signer)
	defer s.signers.Put(m)
	b := append(m.buf[:0], kind)
	b = append(b, id[:]...)
	for _, n := range numbers {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return string(base64.StdEncoding.AppendEncode(m.text[:0], m.sign(b)))
}

// sign appends the MAC of b.
func (m *signer) sign(b []byte) []byte {
	m.hash.Reset()
	m.hash.Write(b)
	return m.hash.Sum(b)[:len(b)+macSize]
}

// maxNumbers is how many numbers a capability has at most.
const maxNumbers = 3

// unseal reads a capability with count numbers.
func (s seals) unseal(kind byte, sealed string, count int) (id uuid.UUID, numbers [maxNumbers]int64, ok bool) {
	if len(sealed) > maxSealed {
		return id, numbers, false
	}
	m := s.signers.Get().(*signer)
	defer s.signers.Put(m)
	b, err := base64.StdEncoding.AppendDecode(m.buf[:0], append(m.text[:0], sealed...))
	if err != nil || len(b) < 17+count+macSize || b[0] != kind {
		return id, numbers, false
	}
	body, mac := b[:len(b)-macSize], [macSize]byte(b[len(b)-macSize:])
	if want := m.sign(body); !hmac.Equal(mac[:], want[len(body):]) {
		return id, numbers, false
	}
	rest := body[copy(id[:], body[1:])+1:]
	for i := range count {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			return id, numbers, false
		}
		numbers[i], rest = int64(n), rest[size:]
	}
	return id, numbers, len(rest) == 0
}

// spells reports whether text is how we write id.
func spells(text string, id uuid.UUID) bool {
	parsed, err := uuid.Parse(text)
	return err == nil && parsed == id && len(text) == len("00000000-0000-0000-0000-000000000000") &&
		strings.ToLower(text) == text
}

// callbackID is the id of the callback at a position of an execution.
func (s seals) callbackID(executionID string, position int) string {
	return s.seal(kindCallback, executionID, int64(position))
}

// token is the checkpoint token of a fence.
func (s seals) token(executionID string, f machine.Fence) string {
	return s.seal(kindToken, executionID, f.Invocation, f.Seq)
}

// fence reads a token of the execution with this ARN.
func (s seals) fence(arn, token string) (executionID string, f machine.Fence, err error) {
	id, n, ok := s.unseal(kindToken, token, 2)
	if !ok {
		return "", f, machine.StaleToken()
	}
	a, err := protocol.ParseARN(arn)
	if err != nil || !spells(a.ID, id) {
		return "", f, protocol.Errorf(protocol.CodeInvalidParameter,
			"Checkpoint token is not valid for the durable execution ARN")
	}
	return a.ID, machine.Fence{Invocation: n[0], Seq: n[1]}, nil
}

// stateMarker names the position at which the next page starts; 0 is no next page.
func (s seals) stateMarker(executionID string, position int) string {
	if position == 0 {
		return ""
	}
	return s.seal(kindState, executionID, int64(position))
}

func (s seals) readStateMarker(executionID, marker string) (position int, err error) {
	if marker == "" {
		return 0, nil
	}
	id, n, ok := s.unseal(kindState, marker, 1)
	if !ok || !spells(executionID, id) {
		return 0, protocol.Errorf(protocol.CodeInvalidParameter, "Invalid marker")
	}
	return int(n[0]), nil
}

func (s seals) historyMarker(executionID string, at place, newestFirst bool) string {
	return s.seal(kindHistory, executionID, at.seq, int64(at.skip), direction(newestFirst))
}

func (s seals) readHistoryMarker(req *HistoryRequest) (at place, err error) {
	if req.Marker == "" {
		return at, nil
	}
	executionID, err := parseExecution(req.ARN)
	if err != nil {
		return at, err
	}
	id, n, ok := s.unseal(kindHistory, req.Marker, 3)
	if !ok || !spells(executionID, id) || n[2] != direction(req.NewestFirst) {
		return at, invalidMarker()
	}
	return place{seq: n[0], skip: int(n[1])}, nil
}

// listMarker says where a page of a list ended.
func (s seals) listMarker(l *listing) string {
	began, place := l.numbers()
	return s.seal(kindList, cmp.Or(l.last, uuid.Nil.String()), listOf(l), began, place)
}

// readListMarker returns the list that a request begins, or goes on with.
func (s seals) readListMarker(req *ListRequest, q *store.Query) (*listing, error) {
	l := &listing{query: *q, attention: req.AttentionFirst, began: protocol.TimestampOf(time.Now())}
	if req.AttentionFirst && req.OldestFirst {
		return nil, invalid("A list has one order: OldestFirst or AttentionFirst")
	}
	if req.Marker == "" {
		return l, nil
	}
	id, n, ok := s.unseal(kindList, req.Marker, 3)
	if !ok || n[0] != listOf(l) {
		return nil, invalidMarker()
	}
	if l.resume(id.String(), n[1], n[2]); id == uuid.Nil { // the page before ended with a stage
		l.last = ""
	}
	return l, nil
}

// listOf tells lists apart. Filters may change between pages.
func listOf(l *listing) int64 {
	sum := crc32.ChecksumIEEE([]byte(l.query.Function + ":" + l.query.Version))
	return int64(sum)<<2 | direction(l.attention)<<1 | direction(!l.query.OldestFirst)
}

func direction(newestFirst bool) int64 {
	if newestFirst {
		return 1
	}
	return 0
}

func invalidMarker() error { return protocol.Errorf(protocol.CodeInvalidParameter, "Invalid Marker") }
