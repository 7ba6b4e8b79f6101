package adminapi

import (
	"context"
	"net/http"
	"time"

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
}

// ExecutionList is a page of executions; NextMarker is empty on the last one.
type ExecutionList struct {
	Executions []Execution
	NextMarker string `json:",omitempty"`
}

type listEngine interface {
	List(ctx context.Context, req *engine.ListRequest) (items []engine.Summary, next string, err error)
}

func (a *api) executions(w http.ResponseWriter, r *http.Request, _ string) error {
	q := newQuery(r)
	req := &engine.ListRequest{
		Function:      q.text("Function"),
		Name:          q.text("Name"),
		NamePrefix:    q.text("NamePrefix"),
		Statuses:      texts[protocol.ExecutionStatus](q, "Status"),
		StartedAfter:  q.time("StartedAfter"),
		StartedBefore: q.time("StartedBefore"),
		Doing:         texts[engine.Activity](q, "Doing"),
		OldestFirst:   q.boolean("OldestFirst"),
		Marker:        q.text("Marker"),
		MaxItems:      int(q.integer("MaxItems", 0, protocol.MaxPage)),
	}
	if longer := q.integer("LongerThan", 0, protocol.MaxWaitSeconds); longer > 0 {
		req.Since = protocol.TimestampOf(time.Now()).AddSeconds(-longer)
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
		StartTimestamp: protocol.Seconds(s.Started), EndTimestamp: protocol.Seconds(s.Closed), Doing: s.Doing, Since: protocol.Seconds(s.Since),
	}
}
