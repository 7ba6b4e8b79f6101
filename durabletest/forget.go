package durabletest

import (
	"encoding/json"
	"slices"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// forget keeps a context's result from being recorded, if a fault says so. The SDK does that itself with results that
// are too large, of contexts that have operations.
func (c client) forget(req *protocol.CheckpointRequest) (struck bool) {
	if !c.x.stage.exploring {
		return false
	}
	for i := range req.Updates {
		u := &req.Updates[i]
		if u.Type != protocol.TypeContext || u.Action != protocol.ActionSucceed || u.ContextOptions != nil ||
			!c.x.stage.isParent(u.ID, req.Updates) {
			continue
		}
		summary, ok := summaryOf(u)
		if !ok || c.x.stage.visit(contextEnds, 0, place("result of "+operationName(u.ID, u.Name))) == "" {
			continue
		}
		if !struck {
			req.Updates = slices.Clone(req.Updates)
		}
		struck = true
		req.Updates[i].Payload, req.Updates[i].ContextOptions = &summary, &protocol.ContextOptions{ReplayChildren: true}
	}
	return struck
}

// batch is what the record of a batch and the summary in place of it have in common, and the items of the former.
type batch struct {
	All []struct {
		Index  int                      `json:"index"`
		Status protocol.OperationStatus `json:"status"`
	} `json:"all,omitempty"`
	Items  string                   `json:"itemStatuses"`
	Reason durable.CompletionReason `json:"completionReason"`
	Unmet  bool                     `json:"unmet,omitempty"`
}

// summaryOf is what the SDK records in place of a context's result that is too large: nothing, or of a batch what
// became of the items. It is not known of a batch with a Serdes of its own, nor of one that did not begin all items.
func summaryOf(u *protocol.Update) (summary string, ok bool) {
	if u.SubType != protocol.SubTypeMap && u.SubType != protocol.SubTypeParallel {
		return "", true
	}
	var b batch
	if u.Payload == nil || json.Unmarshal([]byte(*u.Payload), &b) != nil || b.Reason != durable.AllCompleted {
		return "", false
	}
	for i, item := range b.All {
		switch {
		case item.Index != i:
			return "", false
		case item.Status == protocol.StatusSucceeded:
			b.Items += "S"
		case item.Status == protocol.StatusFailed:
			b.Items += "F"
		default:
			return "", false
		}
	}
	b.All = nil
	data, err := json.Marshal(b)
	return string(data), err == nil
}
