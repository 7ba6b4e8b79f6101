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
	// CustomCompletionSucceeded ends a batch early: the function of [WithCompletion] decided that it succeeded.
	CustomCompletionSucceeded CompletionReason = "CUSTOM_COMPLETION_SUCCEEDED"
	// CustomCompletionFailed ends a batch early: the function of [WithCompletion] decided that it failed.
	CustomCompletionFailed CompletionReason = "CUSTOM_COMPLETION_FAILED"
)

// BatchItem is one item of a [Map], or branch of a [Parallel], that began.
type BatchItem[T any] struct {
	Index  int
	Name   string
	Status protocol.OperationStatus // SUCCEEDED, FAILED, or STARTED if the batch ended early without it
	Value  T                        // if it succeeded
	Err    error                    // if it failed: an *ItemError
}

// BatchResult is the result of a [Map] or [Parallel].
type BatchResult[T any] struct {
	// Items are those that began, in the order of their indexes.
	Items []BatchItem[T]
	// Reason is why the batch ended.
	Reason CompletionReason

	unmet bool // fewer succeeded than was asked for
}

// Values returns the results of the items that succeeded. It is never nil.
func (b BatchResult[T]) Values() []T {
	values := make([]T, 0, len(b.Items))
	for i := range b.Items {
		if b.Items[i].Status == protocol.StatusSucceeded {
			values = append(values, b.Items[i].Value)
		}
	}
	return values
}

// Only returns the items of a status; len of it says how many there are.
func (b BatchResult[T]) Only(status protocol.OperationStatus) []BatchItem[T] {
	items := make([]BatchItem[T], 0, len(b.Items))
	for _, item := range b.Items {
		if item.Status == status {
			items = append(items, item)
		}
	}
	return items
}

// Err is a [*BatchError] of all failures, tolerated ones too; nil if there are none.
func (b BatchResult[T]) Err() error {
	if e := b.failure(""); e.Failed > 0 || b.Reason == CustomCompletionFailed {
		return e
	}
	return nil
}

func (b BatchResult[T]) failure(name string) *BatchError {
	e := &BatchError{Name: name, Reason: b.Reason}
	for i := range b.Items {
		switch b.Items[i].Status {
		case protocol.StatusSucceeded:
			e.Succeeded++
		case protocol.StatusFailed:
			e.Failed++
			e.Errs = append(e.Errs, b.Items[i].Err)
		}
	}
	return e
}

// BatchError says that a batch failed: too many items failed, too few succeeded, or a function decided so.
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

// ItemError is the failure of one item of a [Map], or one branch of a [Parallel]. It wraps the recorded failure: a
// [*RecordedError].
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
	Index   int                      `json:"index"`
	Name    string                   `json:"name,omitempty"`
	Status  protocol.OperationStatus `json:"status"`
	Result  json.RawMessage          `json:"result,omitempty"`
	Encoded *string                  `json:"encoded,omitempty"` // in place of result, if a Serdes wrote it
	Error   *protocol.ErrorObject    `json:"error,omitempty"`
}

// MarshalJSON implements [json.Marshaler]. It writes errors as the history records undeclared ones.
func (b BatchResult[T]) MarshalJSON() ([]byte, error) {
	out := batchJSON{All: make([]itemJSON, len(b.Items)), Reason: b.Reason, Unmet: b.unmet}
	for i, item := range b.Items {
		j := itemJSON{Index: item.Index, Name: item.Name, Status: item.Status}
		switch item.Status {
		case protocol.StatusSucceeded:
			data, err := JSON.Marshal(context.Background(), item.Value)
			if err != nil {
				return nil, err
			}
			j.Result = data
		case protocol.StatusFailed:
			j.Error = errorCodecs(nil).report(cause(item.Err))
		}
		out.All[i] = j
	}
	return JSON.Marshal(context.Background(), out)
}

// cause is an item's error without the parts that BatchItem has.
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
		case protocol.StatusSucceeded:
			if len(j.Result) > 0 {
				if err := json.Unmarshal(j.Result, &items[i].Value); err != nil {
					return err
				}
			}
		case protocol.StatusFailed:
			items[i].Err = &ItemError{Name: j.Name, Index: j.Index, Err: errorCodecs(nil).decodeForeign(j.Error)}
		}
	}
	*b = BatchResult[T]{items, in.Reason, in.Unmet}
	return nil
}
