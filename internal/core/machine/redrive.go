package machine

import (
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Redrive returns the cuts with which a fork of a closed execution tries again what it failed with: nothing, for
// one that was stopped, timed out, or failed by itself; else the last operation that failed, or within a context
// that failed the one that it failed with, and in a batch all of them. The items of such a batch that were canceled
// go on, too.
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

// blame returns the cuts for what failed in a context.
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

// hasFailedItems reports whether operation i is a batch of which items failed.
// SDKs record the batch itself as succeeded: its result tells of the failures.
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

// abandoned returns the cuts with which what was canceled in a context goes on
// where it was. Contexts that were canceled have failed so, or are open still.
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
			break // what comes after it is cut off with it
		}
	}
	return cuts
}

// errorTypeCanceled is what the SDK for Go records of a context that was canceled.
const errorTypeCanceled = "CanceledError"

// failed reports whether o ended badly by itself. What was cancelled did not: it lost a race.
func (o *operation) failed() bool {
	switch o.Status {
	case protocol.StatusFailed:
		return !o.canceled()
	case protocol.StatusTimedOut, protocol.StatusStopped:
		return true
	}
	return false
}

// canceled reports whether o is a context that was.
func (o *operation) canceled() bool {
	return o.Type == protocol.TypeContext && o.Status == protocol.StatusFailed && o.Error != nil &&
		o.Error.ErrorType == errorTypeCanceled && strings.HasPrefix(o.Error.ErrorData, protocol.SDKErrorMark)
}
