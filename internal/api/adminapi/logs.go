package adminapi

import (
	"context"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// LogLine is a line of an execution's log.
type LogLine struct {
	Seq       int64 // its place in the log, from 1; the oldest lines of a long log are gone
	Time      protocol.Seconds
	RequestID string `json:"RequestId"`
	Operation string `json:",omitempty"` // the id of its operation, if the line names one
	Stream    string // stdout, stderr, or notice for lines about dropped lines
	Text      string
}

// Log is a piece of a log.
type Log struct{ Lines []LogLine }

type logEngine interface {
	ReadLog(ctx context.Context, arn string, after int64, limit int) ([]engine.LogEntry, error)
}

func (a *api) log(w http.ResponseWriter, r *http.Request, arn string) error {
	q := newQuery(r)
	after, limit := q.integer("After", 0, 1<<62), q.integer("MaxItems", 1, protocol.MaxPage)
	if err := q.err(); err != nil {
		return err
	}
	entries, err := a.engine.ReadLog(r.Context(), arn, after, int(limit))
	if err != nil {
		return err
	}
	log := Log{Lines: make([]LogLine, len(entries))}
	for i, e := range entries {
		log.Lines[i] = LogLine{e.Seq, protocol.Seconds(e.Time), e.RequestID, e.Operation, e.Stream, e.Text}
	}
	return reply(w, log)
}
