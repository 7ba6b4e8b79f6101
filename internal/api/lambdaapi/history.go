package lambdaapi

import (
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// history is GetDurableExecutionHistory. Payloads are included unless the request says otherwise.
func (a *api) history(w http.ResponseWriter, r *http.Request, arn string) error {
	q := newQuery(r)
	q.text(arn, "durableExecutionArn", &executionARNShape)
	data := q.boolean("IncludeExecutionData", true)
	req := &engine.HistoryRequest{
		ARN:         arn,
		Marker:      q.marker(),
		MaxItems:    q.maxItems(),
		NewestFirst: q.boolean("ReverseOrder", false),
	}
	if err := q.err(); err != nil {
		return err
	}
	events, next, err := a.engine.History(r.Context(), req)
	if err != nil {
		return err
	}
	buf := getBuffer()
	defer buf.free()
	buf.b = appendHistory(buf.b, events, next, data)
	writeJSON(w, http.StatusOK, buf.b)
	return nil
}

// appendHistory appends a page of events; the last has no marker.
func appendHistory(dst []byte, events []*protocol.Event, next string, data bool) []byte {
	dst = append(dst, `{"Events":[`...)
	for i, e := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = protocol.AppendEvent(dst, e, data)
	}
	dst = append(dst, ']')
	if next != "" {
		dst = append(dst, `,"NextMarker":`...)
		dst = protocol.AppendString(dst, next)
	}
	return append(dst, '}')
}
