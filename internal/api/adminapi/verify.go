package adminapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/perdure/perdure/engine"
)

// finding is one line of the answer: a problem, or at the end the summary or
// why there is none.
type finding struct {
	Problem *engine.Problem       `json:",omitempty"`
	Summary *engine.VerifySummary `json:",omitempty"`
	Error   string                `json:",omitempty"`
}

type verifyEngine interface {
	Verify(ctx context.Context, found func(engine.Problem)) (engine.VerifySummary, error)
}

// verify answers with lines as there is something to tell, which may take long.
func (a *api) verify(w http.ResponseWriter, r *http.Request, _ string) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	flusher := http.NewResponseController(w)
	tell := func(f finding) {
		_ = lines.Encode(f) // a failure means that the client is gone, and so does the context
		_ = flusher.Flush()
	}
	summary, err := a.engine.Verify(r.Context(), func(p engine.Problem) { tell(finding{Problem: &p}) })
	if err != nil {
		tell(finding{Error: err.Error()})
		return nil
	}
	tell(finding{Summary: &summary})
	return nil
}

// Verify has the engine look at everything in its store, calls found for each
// problem, and returns what was looked at.
func (c *Client) Verify(ctx context.Context, found func(engine.Problem)) (*engine.VerifySummary, error) {
	answer, err := c.open(ctx, "POST", "/perdure/verify", nil, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	for lines := json.NewDecoder(bufio.NewReader(answer)); ; {
		var f finding
		err := lines.Decode(&f)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%s ended its answer too early", c.Endpoint)
		case err != nil:
			return nil, fmt.Errorf("%s answered what is not an answer of a Perdure engine: %w", c.Endpoint, err)
		case f.Error != "":
			return nil, fmt.Errorf("%s could not go on: %s", c.Endpoint, f.Error)
		case f.Summary != nil:
			return f.Summary, nil
		case f.Problem != nil:
			found(*f.Problem)
		}
	}
}
