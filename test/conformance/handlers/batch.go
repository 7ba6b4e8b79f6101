package main

import (
	"errors"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// oneByOne makes histories of batches predictable.
var oneByOne = durable.WithMaxConcurrency(1)

// lenient drops the error of a batch whose result is to be looked at whatever
// came of it.
func lenient[T any](result durable.BatchResult[T], err error) (durable.BatchResult[T], error) {
	if failed := (*durable.BatchError)(nil); errors.As(err, &failed) {
		err = nil
	}
	return result, err
}

func values[T any](result durable.BatchResult[T], err error) ([]T, error) {
	return result.Values(), err
}

// projection is what the requirements want to know of a batch.
type projection map[string]any

func (p projection) only(names ...string) projection {
	some := projection{}
	for _, name := range names {
		some[name] = p[name]
	}
	return some
}

func project[T any](result durable.BatchResult[T]) projection {
	status := protocol.StatusSucceeded
	if result.Err() != nil {
		status = protocol.StatusFailed
	}
	return projection{
		"completionReason": result.Reason,
		"status":           status,
		"successCount":     len(result.Only(protocol.StatusSucceeded)),
		"failureCount":     len(result.Only(protocol.StatusFailed)),
		"totalCount":       len(result.Items),
		"hasFailure":       len(result.Only(protocol.StatusFailed)) > 0,
		"errorCount":       len(result.Only(protocol.StatusFailed)),
	}
}

// Lists of fields of a projection.
var (
	allCounts     = []string{"completionReason", "status", "successCount", "failureCount", "totalCount"}
	countsOfBoth  = []string{"completionReason", "successCount", "failureCount", "totalCount"}
	successCounts = []string{"completionReason", "successCount", "totalCount"}
)
