package machine

import (
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Redrive returns the cuts for a fork that tries again what made a closed execution fail. There are none if it was
// stopped, timed out, or failed by itself. Otherwise it is the last failed operation; in a failed context, the
// operation that failed it; in a batch, all that failed, and canceled items go on, too.
func (x *Execution) Redrive() ([]Cut, error) {
	switch x.status {
	case protocol.ExecutionFailed, protocol.ExecutionTimedOut, protocol.ExecutionStopped:
	default:
		return nil, conflict("Only an execution that failed, timed out or was stopped can be redriven, not one with status %s.", x.Status())
	}
	if x.status != protocol.ExecutionFailed {
		return nil, nil
	}
	children := map[int][]int{}
	for i := 1; i < len(x.ops); i++ {
		children[x.ops[i].parent] = append(children[x.ops[i].parent], i)
	}
	return x.blame(children, -1), nil
}

func (x *Execution) blame(children map[int][]int, parent int) []Cut {
	var failed []int
	for _, i := range children[parent] {
		if x.ops[i].failed() || x.hasFailedItems(children, i) {
			failed = append(failed, i)
		}
	}
	if len(failed) > 0 && (parent < 0 || !isBatch(x.ops[parent])) {
		failed = failed[len(failed)-1:]
	}
	var cuts []Cut
	for _, i := range failed {
		o := x.ops[i]
		below := []Cut{{Operation: o.ID}}
		if o.Type == protocol.TypeContext && o.SubType != protocol.SubTypeWaitForCallback {
			if below = x.blame(children, i); below == nil {
				below = []Cut{{Operation: o.ID, Reopen: true}}
			}
		}
		cuts = append(cuts, below...)
	}
	if len(cuts) > 0 && parent >= 0 && isBatch(x.ops[parent]) {
		cuts = append(cuts, x.abandoned(children, parent)...)
	}
	return cuts
}

// hasFailedItems reports whether operation i is a batch with failed items. SDKs record the batch itself as
// succeeded; its result tells of the failures.
func (x *Execution) hasFailedItems(children map[int][]int, i int) bool {
	if !isBatch(x.ops[i]) {
		return false
	}
	for _, item := range children[i] {
		if x.ops[item].failed() {
			return true
		}
	}
	return false
}

// abandoned returns the cuts that let canceled work in a context go on where it was. A canceled context has failed
// with the type of a cancellation, or is still open.
func (x *Execution) abandoned(children map[int][]int, parent int) []Cut {
	var cuts []Cut
	for _, i := range children[parent] {
		o, before := x.ops[i], len(cuts)
		switch {
		case o.Status == protocol.StatusCancelled:
			cuts = append(cuts, Cut{Operation: o.ID})
		case o.canceled():
			below := x.abandoned(children, i)
			if below == nil {
				below = []Cut{{Operation: o.ID, Reopen: true}}
			}
			cuts = append(cuts, below...)
		case o.Type == protocol.TypeContext && !o.Status.Closed():
			cuts = append(cuts, x.abandoned(children, i)...)
		}
		if len(cuts) > before && !isBatch(x.ops[parent]) {
			break // it is cut off with the earlier one
		}
	}
	return cuts
}

// errorTypeCanceled is the error type that the SDK for Go records for a canceled context.
const errorTypeCanceled = "CanceledError"

// failed reports whether o failed by itself. A canceled operation did not: it lost a race.
func (o *operation) failed() bool {
	switch o.Status {
	case protocol.StatusFailed:
		return !o.canceled()
	case protocol.StatusTimedOut, protocol.StatusStopped:
		return true
	}
	return false
}

func (o *operation) canceled() bool {
	return o.Type == protocol.TypeContext && o.Status == protocol.StatusFailed && o.Error != nil &&
		o.Error.ErrorType == errorTypeCanceled && strings.HasPrefix(o.Error.ErrorData, protocol.SDKErrorMark)
}
