package lambdaapi

import "net/http"

// state is GetDurableExecutionState: a function reads the operations that did not fit into its envelope.
func (a *api) state(w http.ResponseWriter, r *http.Request, arn string) error {
	q := newQuery(r)
	q.text(arn, "durableExecutionArn", &executionARNShape)
	token := q.required("CheckpointToken", &tokenShape)
	marker, maxItems := q.marker(), q.maxItems()
	if err := q.err(); err != nil {
		return err
	}
	ops, next, err := a.engine.State(r.Context(), arn, token, marker, maxItems)
	if err != nil {
		return err
	}
	buf := getBuffer()
	defer buf.free()
	buf.b = appendState(buf.b, ops, next)
	writeJSON(w, http.StatusOK, buf.b)
	return nil
}
