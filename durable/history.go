package durable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// history holds the records of earlier invocations, arranged for replay: the operations of each context in a slice
// by their number. It never changes after loading, so replay reads it without a lock.
type history struct {
	execution *protocol.Operation
	contexts  map[string]*recordedContext // context id -> its operations; the root's id is ""
	limit     int                         // of the numbers that slices hold
	strays    map[string]record           // operation id -> record, for ids outside of the slices
	// marked: the service said which operations changed since the last invocation; otherwise record.updated means
	// nothing.
	marked bool
}

// recordedContext holds the operations of one context: number n at index n-1.
type recordedContext struct {
	records []record
}

// record is one recorded operation; op is nil if it is unknown.
type record struct {
	op      *protocol.Operation
	updated bool // changed since the last invocation that ended well
}

var errNullOperation = errors.New("perdure: the execution's state holds null in place of an operation")

// newHistory arranges ops, which come in the order in which they started.
func newHistory(ops []*protocol.Operation, updated []string) (*history, error) {
	h := &history{contexts: make(map[string]*recordedContext), marked: len(updated) > 0, limit: 4*len(ops) + 1024}
	changed := make(map[string]bool, len(updated))
	for _, id := range updated {
		changed[id] = true
	}
	var lastPrefix string
	last := h.context("")
	for _, op := range ops {
		if op == nil {
			return nil, errNullOperation
		}
		if op.Type == protocol.TypeExecution {
			if h.execution == nil {
				h.execution = op
			}
			continue
		}
		prefix, n, err := splitID(op.ID)
		if err != nil {
			return nil, err
		}
		rec := record{op: op, updated: len(changed) > 0 && changed[op.ID]}
		if n == 0 || n > h.limit { // no number, or too sparse for a slice
			h.stray(rec)
			continue
		}
		if prefix != lastPrefix {
			lastPrefix, last = prefix, h.context(prefix)
		}
		last.put(n, rec)
	}
	return h, nil
}

func (h *history) context(id string) *recordedContext {
	c := h.contexts[id]
	if c == nil {
		c = &recordedContext{}
		h.contexts[id] = c
		if prefix, n, err := splitID(id); err == nil && n > 0 && n <= h.limit {
			h.context(prefix).grow(n) // the context itself need not be recorded
		}
	}
	return c
}

// unrecorded is the first recorded operation in a context without a record, or in such contexts below it; nil if
// there is none.
func (h *history) unrecorded(id string) *protocol.Operation {
	c := h.contexts[id]
	if c == nil {
		return nil
	}
	for i, rec := range c.records {
		if rec.op != nil {
			return rec.op
		}
		if op := h.unrecorded(childID(id, i+1)); op != nil {
			return op
		}
	}
	return nil
}

func (h *history) stray(rec record) {
	if h.strays == nil {
		h.strays = make(map[string]record)
	}
	h.strays[rec.op.ID] = rec
}

func (c *recordedContext) put(n int, rec record) {
	c.grow(n)
	c.records[n-1] = rec
}

// grow makes room for n operations.
func (c *recordedContext) grow(n int) {
	for len(c.records) < n {
		c.records = append(c.records, record{})
	}
}

// Operation ids are part of the compatibility promise: an execution that sleeps today wakes up on the next release.
// The third operation of the handler is "3", the first inside it "3-1". An id beyond the service's limit is hashed,
// and its children count on from the hash.
const hashedIDLength = 1 + 32

// childID is the id of operation number n of the context with the given id.
func childID(context string, n int) string {
	buf := make([]byte, 0, protocol.MaxOperationID)
	if context != "" {
		buf = append(append(buf, context...), '-')
	}
	buf = strconv.AppendInt(buf, int64(n), 10)
	if len(buf) > protocol.MaxOperationID {
		sum := sha256.Sum256(buf)
		return "h" + hex.EncodeToString(sum[:16])
	}
	return string(buf)
}

// splitID undoes childID. The number is 0 for a hashed id, and for a context's deadline, which is not one of its
// operations.
func splitID(id string) (context string, n int, err error) {
	if len(id) == hashedIDLength && id[0] == 'h' {
		return "", 0, nil
	}
	number := id
	if i := strings.LastIndexByte(id, '-'); i >= 0 {
		context, number = id[:i], id[i+1:]
	}
	n, err = strconv.Atoi(number)
	if err != nil || n < 0 || n == 0 && context == "" {
		return "", 0, fmt.Errorf("perdure: the execution holds operation %q, which this SDK did not write; let the function version that started the execution finish it", id)
	}
	return context, n, nil
}
