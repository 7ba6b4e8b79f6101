package adminapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/perdure/perdure/engine"
)

// Finding is one line of the answer: a problem, or at the end the summary, or why there is none.
type Finding struct {
	Problem *engine.Problem       `json:",omitempty"`
	Summary *engine.VerifySummary `json:",omitempty"`
	Error   string                `json:",omitempty"`
}

type verifyEngine interface {
	Verify(ctx context.Context, found func(engine.Problem)) (engine.VerifySummary, error)
}

// verify answers with a line for each finding, which may take long.
func (a *api) verify(w http.ResponseWriter, r *http.Request, _ string) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	flusher := http.NewResponseController(w)
	tell := func(f Finding) {
		_ = lines.Encode(f) // a failure means that the client is gone, and then the context ends
		_ = flusher.Flush()
	}
	summary, err := a.engine.Verify(r.Context(), func(p engine.Problem) { tell(Finding{Problem: &p}) })
	if err != nil {
		tell(Finding{Error: err.Error()})
		return nil
	}
	tell(Finding{Summary: &summary})
	return nil
}
