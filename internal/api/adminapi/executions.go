package adminapi

import (
	"context"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Execution is one of a list: the members of ListDurableExecutionsByFunction, and what the execution is doing.
type Execution struct {
	DurableExecutionArn  string
	DurableExecutionName string
	FunctionArn          string
	Status               protocol.ExecutionStatus
	StartTimestamp       protocol.Seconds
	EndTimestamp         protocol.Seconds  `json:",omitzero"`
	Doing                []engine.Activity `json:",omitempty"`
	// Since is from when on it has been doing that.
	Since protocol.Seconds `json:",omitzero"`
	// Error is the type of the error with which it ended, and Message the first line of its text, at most 200 bytes.
	Error   string            `json:",omitempty"`
	Message string            `json:",omitempty"`
	Tags    map[string]string `json:",omitempty"`
	// Redriven says that a fork tries again what failed.
	Redriven bool `json:",omitempty"`
}

// ExecutionList is a page of executions; NextMarker is empty on the last one.
type ExecutionList struct {
	Executions []Execution
	NextMarker string `json:",omitempty"`
}

// Counts is how many executions pass a filter; zeros are left out.
type Counts struct {
	Total    int
	Statuses map[protocol.ExecutionStatus]int `json:",omitempty"`
	// Doing says what open ones do; one may do several things.
	Doing map[engine.Activity]int `json:",omitempty"`
	// Failures are those that failed or timed out, by function and error, the largest number first; at most 100. What
	// was redriven counts only if the filter says so.
	Failures []FailureCount `json:",omitempty"`
}

// FailureCount is the number of failures of a function with one type of error.
type FailureCount struct {
	Function string
	Error    string
	Count    int
}

type listEngine interface {
	List(ctx context.Context, req *engine.ListRequest) (items []engine.Summary, next string, err error)
	Count(ctx context.Context, f *engine.Filter) (*engine.Counts, error)
}

// counts answers with the counts of what a filter selects.
func (a *api) counts(w http.ResponseWriter, r *http.Request, _ string) error {
	q := newQuery(r)
	filter := q.filter()
	if err := q.err(); err != nil {
		return err
	}
	c, err := a.engine.Count(r.Context(), &filter)
	if err != nil {
		return err
	}
	out := Counts{Total: c.Total, Statuses: c.Statuses, Doing: c.Doing}
	for _, f := range c.Failures {
		out.Failures = append(out.Failures, FailureCount{f.Function, f.Error, f.N})
	}
	return reply(w, out)
}

func (a *api) executions(w http.ResponseWriter, r *http.Request, _ string) error {
	q := newQuery(r)
	req := &engine.ListRequest{
		Filter:      q.filter(),
		OldestFirst: q.boolean("OldestFirst"), AttentionFirst: q.boolean("AttentionFirst"),
		Marker:   q.text("Marker"),
		MaxItems: int(q.integer("MaxItems", 0, protocol.MaxPage)),
	}
	if err := q.err(); err != nil {
		return err
	}
	items, next, err := a.engine.List(r.Context(), req)
	if err != nil {
		return err
	}
	list := ExecutionList{Executions: make([]Execution, len(items)), NextMarker: next}
	for i := range items {
		list.Executions[i] = executionOf(&items[i])
	}
	return reply(w, list)
}

func executionOf(s *engine.Summary) Execution {
	return Execution{
		DurableExecutionArn: s.ARN, DurableExecutionName: s.Name, FunctionArn: s.FunctionARN, Status: s.Status,
		StartTimestamp: protocol.Seconds(s.Started), EndTimestamp: protocol.Seconds(s.Closed), Doing: s.Doing,
		Since: protocol.Seconds(s.Since), Error: s.Error, Message: s.Message, Tags: s.Tags,
		Redriven: s.Redriven,
	}
}

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
