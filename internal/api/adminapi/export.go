package adminapi

import (
	"context"
	"io"
	"net/http"

	"github.com/perdure/perdure/engine"
)

// Import says how to import an exported execution.
type Import struct {
	// Fork starts a new execution with all operations of the exported one; Name and Qualifier are the new one's.
	Fork      bool
	Name      string
	Qualifier string
}

type exportEngine interface {
	Export(ctx context.Context, arn string, w io.Writer) error
	Import(ctx context.Context, file io.Reader, req *engine.ImportRequest) (*engine.Started, error)
}

// export answers with a file whose end says whether it is complete.
func (a *api) export(w http.ResponseWriter, r *http.Request, arn string) error {
	out := &lateWriter{w: w}
	err := a.engine.Export(r.Context(), arn, out)
	if err != nil && out.begun {
		return nil // the client finds the file cut off
	}
	return err
}

// lateWriter begins the answer with the first byte.
type lateWriter struct {
	w     http.ResponseWriter
	begun bool
}

func (l *lateWriter) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", "application/x-ndjson")
	}
	return l.w.Write(p)
}

func (a *api) importFile(w http.ResponseWriter, r *http.Request, _ string) error {
	q := newQuery(r)
	req := &engine.ImportRequest{Fork: q.boolean("Fork"), Name: q.text("Name"), Qualifier: q.text("Qualifier")}
	if err := q.err(); err != nil {
		return err
	}
	started, err := a.engine.Import(r.Context(), r.Body, req)
	if err != nil {
		return err
	}
	return replyStarted(w, started)
}
