package adminapi

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Execution is one of a list: what ListDurableExecutionsByFunction tells, and
// what it is doing.
type Execution struct {
	DurableExecutionArn  string
	DurableExecutionName string
	FunctionArn          string
	Status               protocol.ExecutionStatus
	StartTimestamp       Time
	EndTimestamp         Time              `json:",omitzero"`
	Doing                []engine.Activity `json:",omitempty"`
	// Since is since when it has been doing that.
	Since Time `json:",omitzero"`
}

// ExecutionList is a page of executions; NextMarker is empty on the last one.
type ExecutionList struct {
	Executions []Execution
	NextMarker string `json:",omitempty"`
}

// ExecutionFilter selects executions of all functions; zero members do not
// restrict.
type ExecutionFilter struct {
	Function      string // a name or an ARN, with or without a version
	Name          string
	NamePrefix    string
	Statuses      []protocol.ExecutionStatus
	StartedAfter  time.Time // exclusive
	StartedBefore time.Time // exclusive
	Doing         []engine.Activity
	LongerThan    time.Duration // doing what they do
	OldestFirst   bool
	PageSize      int // at most 1000; 0 is 100
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
		StartTimestamp: Time(s.Started), EndTimestamp: Time(s.Closed), Doing: s.Doing, Since: Time(s.Since),
	}
}

// Executions yields what f selects, page after page. An error ends the sequence.
func (c *Client) Executions(ctx context.Context, f ExecutionFilter) iter.Seq2[*Execution, error] {
	return func(yield func(*Execution, error) bool) {
		query := f.query()
		for {
			var page ExecutionList
			if err := c.call(ctx, "GET", "/perdure/executions", query, nil, &page); err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Executions {
				if !yield(&page.Executions[i], nil) {
					return
				}
			}
			if page.NextMarker == "" {
				return
			}
			query.Set("Marker", page.NextMarker)
		}
	}
}

func (f *ExecutionFilter) query() url.Values {
	q := url.Values{}
	set := func(key, value string) {
		if value != "" {
			q.Add(key, value)
		}
	}
	set("Function", f.Function)
	set("Name", f.Name)
	set("NamePrefix", f.NamePrefix)
	for _, s := range f.Statuses {
		set("Status", string(s))
	}
	set("StartedAfter", timeText(f.StartedAfter))
	set("StartedBefore", timeText(f.StartedBefore))
	for _, a := range f.Doing {
		set("Doing", string(a))
	}
	if f.LongerThan > 0 {
		set("LongerThan", strconv.FormatInt(int64((f.LongerThan+time.Second-1)/time.Second), 10))
	}
	if f.OldestFirst {
		set("OldestFirst", "true")
	}
	if f.PageSize > 0 {
		set("MaxItems", strconv.Itoa(f.PageSize))
	}
	return q
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
