package durable

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/perdure/perdure/protocol"
)

// CompletionReason is why a batch ended.
type CompletionReason string

// The reasons.
const (
	// AllCompleted is for a batch whose items all ran to their end.
	AllCompleted CompletionReason = "ALL_COMPLETED"
	// MinSuccessfulReached ends a batch early: enough items have succeeded.
	MinSuccessfulReached CompletionReason = "MIN_SUCCESSFUL_REACHED"
	// FailureToleranceExceeded ends a batch early: too many items have failed.
	FailureToleranceExceeded CompletionReason = "FAILURE_TOLERANCE_EXCEEDED"
	// CustomCompletionSucceeded is [SucceedBatch].
	CustomCompletionSucceeded CompletionReason = "CUSTOM_COMPLETION_SUCCEEDED"
	// CustomCompletionFailed is [FailBatch].
	CustomCompletionFailed CompletionReason = "CUSTOM_COMPLETION_FAILED"
)

// ItemStatus is how one item of a batch stands, and whether a batch is free of
// failures.
type ItemStatus string

// The statuses.
const (
	ItemSucceeded ItemStatus = "SUCCEEDED"
	ItemFailed    ItemStatus = "FAILED"
	ItemStarted   ItemStatus = "STARTED" // under way when the batch ended early
)

// BatchItem is one item of a [Map], or branch of a [Parallel], that began.
type BatchItem[T any] struct {
	Index  int
	Name   string
	Status ItemStatus
	Value  T     // if it succeeded
	Err    error // if it failed: an *ItemError
}

// BatchResult is what [Map] and [Parallel] return: the items that began, in the
// order of their indexes. Items that never began are not in it. It does not
// change.
type BatchResult[T any] struct {
	items             []BatchItem[T]
	reason            CompletionReason
	succeeded, failed int
	unmet             bool        // fewer succeeded than was asked for
	branches          []AnyBranch // of ParallelMixed
}

// NewBatchResult makes a result, which is for tests and for a [Serdes] that
// reads whole results. The items must be in the order of their indexes.
func NewBatchResult[T any](reason CompletionReason, items ...BatchItem[T]) BatchResult[T] {
	b := BatchResult[T]{items: items, reason: reason}
	for i := range items {
		switch items[i].Status {
		case ItemSucceeded:
			b.succeeded++
		case ItemFailed:
			b.failed++
		}
	}
	return b
}

// Items returns the items that began. It is the result's own slice.
func (b BatchResult[T]) Items() []BatchItem[T] { return b.items }

// Reason is why the batch ended.
func (b BatchResult[T]) Reason() CompletionReason { return b.reason }

// Status is ItemFailed if an item has failed, and ItemSucceeded otherwise.
func (b BatchResult[T]) Status() ItemStatus {
	if b.HasFailure() || b.reason == CustomCompletionFailed {
		return ItemFailed
	}
	return ItemSucceeded
}

// Values returns the results of the items that succeeded. It is never nil.
func (b BatchResult[T]) Values() []T {
	values := make([]T, 0, b.succeeded)
	for i := range b.items {
		if b.items[i].Status == ItemSucceeded {
			values = append(values, b.items[i].Value)
		}
	}
	return values
}

// Errors returns the errors of the items that failed: *ItemError values.
func (b BatchResult[T]) Errors() []error {
	var errs []error
	for i := range b.items {
		if b.items[i].Status == ItemFailed {
			errs = append(errs, b.items[i].Err)
		}
	}
	return errs
}

// Succeeded returns the items that succeeded.
func (b BatchResult[T]) Succeeded() []BatchItem[T] { return b.with(ItemSucceeded, b.succeeded) }

// Failed returns the items that failed.
func (b BatchResult[T]) Failed() []BatchItem[T] { return b.with(ItemFailed, b.failed) }

// Started returns the items that were under way when the batch ended early.
func (b BatchResult[T]) Started() []BatchItem[T] { return b.with(ItemStarted, b.StartedCount()) }

func (b BatchResult[T]) with(status ItemStatus, n int) []BatchItem[T] {
	items := make([]BatchItem[T], 0, n)
	for _, item := range b.items {
		if item.Status == status {
			items = append(items, item)
		}
	}
	return items
}

// SuccessCount is how many items succeeded.
func (b BatchResult[T]) SuccessCount() int { return b.succeeded }

// FailureCount is how many items failed.
func (b BatchResult[T]) FailureCount() int { return b.failed }

// StartedCount is how many items were under way when the batch ended early.
func (b BatchResult[T]) StartedCount() int { return len(b.items) - b.succeeded - b.failed }

// TotalCount is how many items began.
func (b BatchResult[T]) TotalCount() int { return len(b.items) }

// HasFailure reports whether an item has failed.
func (b BatchResult[T]) HasFailure() bool { return b.failed > 0 }

// Item finds the first item of a name.
func (b BatchResult[T]) Item(name string) (BatchItem[T], bool) {
	for _, item := range b.items {
		if item.Name == name {
			return item, true
		}
	}
	return BatchItem[T]{}, false
}

// Err is a [*BatchError] of all failures, also of those that the batch
// tolerated; nil if there are none.
func (b BatchResult[T]) Err() error {
	if !b.HasFailure() && b.reason != CustomCompletionFailed {
		return nil
	}
	return b.failure("")
}

func (b BatchResult[T]) failure(name string) *BatchError {
	return &BatchError{Name: name, Reason: b.reason, Succeeded: b.succeeded, Failed: b.failed, Errs: b.Errors()}
}

// BatchError says that a batch did not come to what its options ask for: too
// many items failed, too few succeeded, or a function decided so.
type BatchError struct {
	Name      string // of the batch
	Reason    CompletionReason
	Succeeded int
	Failed    int
	Errs      []error // of the items that failed: *ItemError values
}

func (e *BatchError) Error() string {
	text := fmt.Sprintf("batch %q: %d items failed, %d succeeded (%s)", e.Name, e.Failed, e.Succeeded, e.Reason)
	if len(e.Errs) > 0 {
		text += fmt.Sprintf("; the first: %v", e.Errs[0])
	}
	return text
}

// Unwrap returns the errors of the items that failed.
func (e *BatchError) Unwrap() []error { return e.Errs }

// ItemError is the failure of one item of a [Map], or one branch of a
// [Parallel]. It wraps the failure as it was recorded: a [*RecordedError].
type ItemError struct {
	Name  string
	Index int
	Err   error
}

func (e *ItemError) Error() string {
	return fmt.Sprintf("%q (item %d) failed: %v", e.Name, e.Index, e.Err)
}

// Unwrap returns the cause.
func (e *ItemError) Unwrap() error { return e.Err }

// batchJSON is the form in which results are recorded, and written as JSON.
type batchJSON struct {
	All    []itemJSON       `json:"all"`
	Reason CompletionReason `json:"completionReason"`
	Unmet  bool             `json:"unmet,omitempty"`
}

type itemJSON struct {
	Index   int                   `json:"index"`
	Name    string                `json:"name,omitempty"`
	Status  ItemStatus            `json:"status"`
	Result  json.RawMessage       `json:"result,omitempty"`
	Encoded *string               `json:"encoded,omitempty"` // in place of result, if a Serdes wrote it
	Error   *protocol.ErrorObject `json:"error,omitempty"`
}

// MarshalJSON implements [json.Marshaler]. Of errors it writes what the history
// records of errors that were not declared.
func (b BatchResult[T]) MarshalJSON() ([]byte, error) {
	out := batchJSON{All: make([]itemJSON, len(b.items)), Reason: b.reason, Unmet: b.unmet}
	for i, item := range b.items {
		j := itemJSON{Index: item.Index, Name: item.Name, Status: item.Status}
		switch item.Status {
		case ItemSucceeded:
			data, err := JSON.Marshal(context.Background(), item.Value)
			if err != nil {
				return nil, err
			}
			j.Result = data
		case ItemFailed:
			j.Error = errorCodecs(nil).report(cause(item.Err))
		}
		out.All[i] = j
	}
	return JSON.Marshal(context.Background(), out)
}

// cause is an item's error without what BatchItem says already.
func cause(err error) error {
	if e, ok := err.(*ItemError); ok && e.Err != nil {
		return e.Err
	}
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (b *BatchResult[T]) UnmarshalJSON(data []byte) error {
	var in batchJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	items := make([]BatchItem[T], len(in.All))
	for i, j := range in.All {
		items[i] = BatchItem[T]{Index: j.Index, Name: j.Name, Status: j.Status}
		switch j.Status {
		case ItemSucceeded:
			if len(j.Result) > 0 {
				if err := json.Unmarshal(j.Result, &items[i].Value); err != nil {
					return err
				}
			}
		case ItemFailed:
			items[i].Err = &ItemError{Name: j.Name, Index: j.Index, Err: errorCodecs(nil).decodeForeign(j.Error)}
		}
	}
	*b = NewBatchResult(in.Reason, items...)
	b.unmet = in.Unmet
	return nil
}
