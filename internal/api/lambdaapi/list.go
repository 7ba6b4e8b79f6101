package lambdaapi

import (
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

var errManyStatuses = refusal(protocol.CodeInvalidParameter, "Cannot filter by more than one status")

// executionList is the answer of ListDurableExecutionsByFunction.
type executionList struct {
	DurableExecutions []executionSummary
	NextMarker        string `json:",omitempty"`
}

type executionSummary struct {
	DurableExecutionArn  string
	DurableExecutionName string
	FunctionArn          string
	Status               protocol.ExecutionStatus
	StartTimestamp       protocol.Seconds
	EndTimestamp         protocol.Seconds `json:",omitzero"`
}

func (a *api) list(w http.ResponseWriter, r *http.Request, function string) error {
	q := newQuery(r)
	q.text(function, "functionName", &functionNameShape)
	return a.listOf(w, r, q, function)
}

// listAll lists the executions of all functions. AWS has no such operation; its emulator of durable functions has,
// and its clients talk to us.
func (a *api) listAll(w http.ResponseWriter, r *http.Request, _ string) error {
	q := newQuery(r)
	return a.listOf(w, r, q, q.optional("FunctionName", &functionNameShape))
}

// listOf answers with the executions of a function, or of all, that q selects.
func (a *api) listOf(w http.ResponseWriter, r *http.Request, q *query, function string) error {
	req := &engine.ListRequest{
		Filter: engine.Filter{
			Function:      function,
			Qualifier:     q.optional("Qualifier", &qualifierShape),
			Name:          q.optional("DurableExecutionName", &executionNameShape), // never a pattern
			Statuses:      q.statuses("Statuses"),
			StartedAfter:  q.timestamp("StartedAfter"),
			StartedBefore: q.timestamp("StartedBefore"),
		},
		OldestFirst: q.boolean("ReverseOrder", false),
		Marker:      q.marker(),
		MaxItems:    q.maxItems(),
	}
	if err := q.err(); err != nil {
		return err
	}
	if a.strict && len(req.Statuses) > 1 {
		return errManyStatuses
	}
	items, next, err := a.engine.List(r.Context(), req)
	if err != nil {
		return err
	}
	return reply(w, listExecutions(items, next))
}

func listExecutions(items []engine.Summary, next string) *executionList {
	out := &executionList{DurableExecutions: make([]executionSummary, len(items)), NextMarker: next}
	for i := range items {
		s := &items[i]
		out.DurableExecutions[i] = executionSummary{
			DurableExecutionArn:  s.ARN,
			DurableExecutionName: s.Name,
			FunctionArn:          s.FunctionARN,
			Status:               s.Status,
			StartTimestamp:       protocol.Seconds(s.Started),
			EndTimestamp:         protocol.Seconds(s.Closed),
		}
	}
	return out
}
