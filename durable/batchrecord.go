package durable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/perdure/perdure/protocol"
)

// A batch is recorded as batchJSON. If that is too large, a summary takes its place, and the values are gathered
// from the items.

// batchSummary is the record of a batch that is too large.
type batchSummary struct {
	Type      string                   `json:"type"` // MapResult or ParallelResult
	Total     int                      `json:"totalCount"`
	Succeeded int                      `json:"successCount"`
	Failed    int                      `json:"failureCount"`
	Started   int                      `json:"startedCount"`
	Reason    CompletionReason         `json:"completionReason"`
	Status    protocol.OperationStatus `json:"status"`
	// Items has a letter for each item: S, F, - for started, or _ for one that did not begin.
	Items string `json:"itemStatuses"`
	Unmet bool   `json:"unmet,omitempty"`
}

var itemLetters = map[protocol.OperationStatus]byte{
	protocol.StatusSucceeded: 'S', protocol.StatusFailed: 'F', protocol.StatusStarted: '-', "": '_',
}

// closeBatch makes the result of a complete batch, and records it if necessary.
func closeBatch[T any](b *batch, work *batchWork[T]) (BatchResult[T], error) {
	result := resultOf(b, work)
	payload, large := "", false
	err := b.failure
	if err != nil {
		return result, b.recordFailure(err)
	}
	if b.cfg.serdes == nil || b.cfg.serdes == JSON {
		payload, large = b.encode(result.unmet)
	} else {
		unmet := result.unmet
		payload, result, err = encodeValue(b.body(b.id, 0), b.cfg.serdes, b.result(), result)
		result.unmet = unmet
		large = len(payload) > protocol.MaxInlineResult
	}
	switch {
	case b.known.op != nil && b.known.op.Status.Closed():
		if err != nil {
			b.unreadable(err)
		}
	case err != nil:
		return result, b.recordFailure(err)
	case large:
		b.record(b.summary(result.unmet), true)
	default:
		b.record(payload, false)
	}
	return result, err
}

// resultOf gathers the items that began.
func resultOf[T any](b *batch, work *batchWork[T]) BatchResult[T] {
	codecs := b.scope.run.cfg.errors
	items := make([]BatchItem[T], 0, len(b.item))
	for i := range b.item {
		item := BatchItem[T]{Index: i, Name: b.item[i].name, Status: b.item[i].status}
		switch item.Status {
		case "":
			continue
		case protocol.StatusSucceeded:
			item.Value = work.values[i]
		case protocol.StatusFailed:
			item.Err = &ItemError{Name: item.Name, Index: i, Err: codecs.decode(b.item[i].err)}
		}
		items = append(items, item)
	}
	return BatchResult[T]{items, b.reason, b.isUnmet(b.total.Succeeded)}
}

// isUnmet reports whether the recorded batch ended with fewer successes than its options asked for.
func (b *batch) isUnmet(succeeded int) bool {
	if op := b.known.op; op != nil && op.Status.Closed() {
		return b.unmet
	}
	return b.cfg.isUnmet(b.reason, succeeded)
}

func (c *batchConfig) isUnmet(reason CompletionReason, succeeded int) bool {
	return reason == AllCompleted && c.minimum != nil && succeeded < *c.minimum
}

// encode is the batch's record, unless that is too large.
func (b *batch) encode(unmet bool) (payload string, large bool) {
	size := 0
	for i := range b.item {
		size += len(b.item[i].payload)
	}
	if size > protocol.MaxInlineResult {
		return "", true
	}
	out := batchJSON{All: []itemJSON{}, Reason: b.reason, Unmet: unmet}
	asJSON := b.serdes(b.cfg.itemSerdes) == JSON
	for i := range b.item {
		item := &b.item[i]
		j := itemJSON{Index: i, Name: item.name, Status: item.status}
		switch {
		case item.status == "":
			continue
		case item.status == protocol.StatusFailed:
			j.Error = item.err
		case item.status == protocol.StatusSucceeded && asJSON:
			j.Result = json.RawMessage(item.payload)
		case item.status == protocol.StatusSucceeded:
			j.Encoded = &item.payload
		}
		out.All = append(out.All, j)
	}
	data, err := JSON.Marshal(context.Background(), out)
	return string(data), err != nil || len(data) > protocol.MaxInlineResult
}

func (b *batch) summary(unmet bool) string {
	status := protocol.StatusSucceeded
	if b.total.Failed > 0 || b.reason == CustomCompletionFailed {
		status = protocol.StatusFailed
	}
	letters := make([]byte, len(b.item))
	started := 0
	for i := range b.item {
		letters[i] = itemLetters[b.item[i].status]
		if b.item[i].status == protocol.StatusStarted {
			started++
		}
	}
	s := batchSummary{
		Type: b.subType + "Result", Total: b.total.Succeeded + b.total.Failed + started,
		Succeeded: b.total.Succeeded, Failed: b.total.Failed, Started: started,
		Reason: b.reason, Status: status, Items: string(letters), Unmet: unmet,
	}
	data, _ := json.Marshal(s) // texts and numbers: cannot fail
	return string(data)
}

func (b *batch) record(payload string, replayChildren bool) {
	u := b.update(b.id, protocol.ActionSucceed)
	u.Payload = &payload
	if replayChildren {
		u.ContextOptions = &protocol.ContextOptions{ReplayChildren: true}
	}
	b.scope.run.record(b.scope, u)
}

// recordFailure records that the result could not be recorded.
func (b *batch) recordFailure(err error) error {
	r := b.scope.run
	u := b.update(b.id, protocol.ActionFail)
	u.Error = r.cfg.errors.encode(err)
	r.record(b.scope, u)
	return r.cfg.errors.contextFailed(b.name, u.Error)
}

var errNoBatch = errors.New("what was recorded is no result of a batch")

// recordedBatch reads the result of a batch that was recorded whole.
func recordedBatch[T any](b *batch, work *batchWork[T]) BatchResult[T] {
	op, r := b.known.op, b.scope.run
	if s := b.cfg.serdes; s != nil && s != JSON {
		result := decodeOwn[BatchResult[T]](&b.operation, s)
		succeeded := len(result.Only(protocol.StatusSucceeded))
		result.unmet = result.unmet || b.cfg.isUnmet(result.Reason, succeeded) // the record may hold fewer items
		return result
	}
	in := decodeJSON[batchJSON](&b.operation)
	if in.Reason == "" {
		b.unreadable(&SerdesError{What: b.result(), Err: errNoBatch})
	}
	if err := b.differs(&in); err != nil {
		b.diverge(op.ID, b.shape(), err)
	}
	items := make([]BatchItem[T], len(in.All))
	for k, j := range in.All {
		items[k] = BatchItem[T]{Index: j.Index, Name: j.Name, Status: j.Status}
		switch j.Status {
		case protocol.StatusSucceeded:
			b.restore(b.named(j.Index), j.Index, j.payload())
			items[k].Value = work.values[j.Index]
		case protocol.StatusFailed:
			items[k].Err = &ItemError{Name: j.Name, Index: j.Index, Err: r.cfg.errors.decode(j.Error)}
		}
	}
	return BatchResult[T]{items, in.Reason, in.Unmet}
}

// differs says how the items differ from the recorded ones.
func (b *batch) differs(in *batchJSON) error {
	for _, j := range in.All {
		switch {
		case j.Index < 0 || j.Index >= len(b.item):
			return fmt.Errorf("there are %d items, but one with index %d was recorded", len(b.item), j.Index)
		case j.Name != b.item[j.Index].name:
			return fmt.Errorf("item %d is called %q, but %q was recorded", j.Index, b.item[j.Index].name, j.Name)
		}
	}
	if in.Reason == AllCompleted && len(in.All) != len(b.item) {
		return fmt.Errorf("there are %d items, but %d were recorded", len(b.item), len(in.All))
	}
	return nil
}

// named is item i as an operation of a batch without a scope.
func (b *batch) named(i int) *operation {
	known := record{op: &protocol.Operation{ID: childID(b.id, i+1)}}
	return &operation{kind: b.kind, scope: b.scope, ctx: b.ctx, name: b.item[i].name, number: i + 1, known: known}
}

func (j *itemJSON) payload() *string {
	if j.Encoded != nil {
		return j.Encoded
	}
	text := string(j.Result)
	return &text
}

// rebuild gathers the items of a batch that was too large to be recorded.
func (b *batch) rebuild(op *protocol.Operation) {
	r := b.scope.run
	var s batchSummary
	if op.Payload != nil {
		_ = json.Unmarshal([]byte(*op.Payload), &s) // gaps show below
	}
	if len(s.Items) != len(b.item) {
		b.diverge(op.ID, b.shape(), fmt.Errorf("there are %d items, but %d were recorded", len(b.item), len(s.Items)))
	}
	b.inner.sealing = sealed
	b.reason, b.unmet = s.Reason, s.Unmet
	for i := range b.item {
		switch s.Items[i] {
		case 'S':
			b.rebuildItem(i, protocol.StatusSucceeded)
		case 'F':
			b.rebuildItem(i, protocol.StatusFailed)
		case '-':
			b.item[i].status = protocol.StatusStarted
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b.inner.life = returned
	b.cancel(errBatchEnded)
}

// rebuildItem runs an item again, over its records, to its recorded end.
func (b *batch) rebuildItem(i int, status protocol.OperationStatus) {
	o := b.operationOf(i)
	if !b.cfg.flat {
		o.check()
	}
	b.item[i].status = protocol.StatusStarted
	b.runItem(o, i)
	if b.item[i].status != status {
		o.diverge(o.id(), o.shape(), fmt.Errorf("the item was recorded as %s and is now %s", status, b.item[i].status))
	}
}
