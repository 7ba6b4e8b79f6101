package offload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// Store keeps values that are too large for the history; see [Values]. Keys have letters, digits, '-', '_' and '/'
// only, and at most 200 bytes. Many goroutines use an implementation at once. A passing error wraps
// [durable.ErrUnavailable].
type Store interface {
	// Put stores data under a key. A key always has the same data, so an existing value may be kept or replaced.
	// When it returns nil, the data is durable: the history will point to it.
	Put(ctx context.Context, key string, data []byte) error
	// Get returns the data of a key, from whichever invocation stored it; absence is an error.
	Get(ctx context.Context, key string) ([]byte, error)
}

// Values is a [durable.Serdes] that keeps large values in a [Store] and records where they are. Give it to a
// handler, for all its operations, or to one operation.
//
// The record of a large value is one line of text: its digest, its size and its key. A value is stored before it is
// recorded, so a crash may leave one that nothing points to. Nothing is deleted, because only the store's owner
// knows for how long executions are kept. A value that is missing or changed on replay fails the execution with a
// [*durable.SerdesError]. A store that is out of reach ends the invocation, and the service makes another.
//
// Values reads records of its inner Serdes, too, so it may be added while executions are open; before you take it
// away, let those finish.
type Values struct {
	Store Store
	// Over is the largest size, in bytes, of values in the history itself; 0 is 256 KiB, the limit for results of
	// child contexts; -1 stores every value.
	Over int
	// Serdes encodes the values; nil is [durable.JSON].
	Serdes durable.Serdes
	// Preview, if set, describes a stored value in a few words, for people who read the history; see [PreviewJSON].
	// It is in the history, so it must not tell secrets; it is cut at 4 KiB. Replay ignores it.
	Preview func(v any) string
}

// Marshal implements [durable.Serdes].
func (o Values) Marshal(ctx context.Context, v any) ([]byte, error) {
	if o.Store == nil {
		return nil, errNoStore
	}
	data, err := o.Inner().Marshal(ctx, v)
	if err != nil || len(data) <= o.limit() && !bytes.HasPrefix(data, []byte(referencePrefix)) {
		return data, err
	}
	ref := newReference(ctx, data)
	if err := o.Store.Put(ctx, ref.key, data); err != nil {
		return nil, fmt.Errorf("storing %s: %w", ref.key, err)
	}
	if o.Preview != nil {
		return []byte(ref.String() + "\n" + protocol.Shorten(o.Preview(v), maxPreview)), nil
	}
	return []byte(ref.String()), nil
}

// maxPreview bounds a preview, in bytes.
const maxPreview = 4 << 10

// Unmarshal implements [durable.Serdes].
func (o Values) Unmarshal(ctx context.Context, data []byte, v any) error {
	if !bytes.HasPrefix(data, []byte(referencePrefix)) {
		return o.Inner().Unmarshal(ctx, data, v)
	}
	ref, err := parseReference(string(data))
	if err != nil {
		return err
	}
	if o.Store == nil {
		return errNoStore
	}
	stored, err := o.Store.Get(ctx, ref.key)
	if err != nil {
		return fmt.Errorf("fetching %s: %w", ref.key, err)
	}
	if digest(stored) != ref.digest {
		return fmt.Errorf("the store has something else under %s: %d bytes, and not the %d that were put there", ref.key, len(stored), ref.size)
	}
	return o.Inner().Unmarshal(ctx, stored, v)
}

var errNoStore = errors.New("offload.Values.Store is nil")

// Inner is the Serdes that encodes the values: types that it refuses are refused before the work for a value.
func (o Values) Inner() durable.Serdes {
	if o.Serdes == nil {
		return durable.JSON
	}
	return o.Serdes
}

func (o Values) limit() int {
	if o.Over == 0 {
		return protocol.MaxInlineResult
	}
	return o.Over
}

// reference is the record in place of a value:
//
//	perdure:value:1 <sha256> <size> <key>
//
// A preview follows on the next line.
//
// JSON never begins like that; a value of another Serdes that does is stored, whatever its size.
type reference struct {
	digest string
	size   int
	key    string
}

const referencePrefix = "perdure:value:1 "

// newReference makes the key from the value's operation and the value itself, so another attempt overwrites
// nothing.
func newReference(ctx context.Context, data []byte) reference {
	sum := digest(data)
	execution, operation := "none", "none"
	if key := durable.IdempotencyKey(ctx); key != "" {
		arn := durable.ExecutionARN(ctx)
		execution, operation = digest([]byte(arn))[:32], strings.TrimPrefix(key, arn+"/")
	}
	return reference{sum, len(data), execution + "/" + operation + "-" + sum[:32]}
}

func (r reference) String() string {
	return referencePrefix + r.digest + " " + strconv.Itoa(r.size) + " " + r.key
}

func parseReference(s string) (r reference, err error) {
	line, _, _ := strings.Cut(s, "\n")
	parts := strings.Split(strings.TrimPrefix(line, referencePrefix), " ")
	if len(parts) != 3 {
		return r, errors.New("the recorded reference to a stored value is damaged")
	}
	r.size, err = strconv.Atoi(parts[1])
	r.digest, r.key = parts[0], parts[2]
	return r, err
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
