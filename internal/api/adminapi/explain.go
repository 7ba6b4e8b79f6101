package adminapi

import (
	"context"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Explanation says why an execution is where it is: in one line, and by its reasons.
type Explanation struct {
	DurableExecutionArn string
	Status              protocol.ExecutionStatus
	Text                string
	Reasons             []Reason `json:",omitempty"`
	// Total counts the reasons; at most 100 are told.
	Total int
	// ExpectedExecutionTimeoutTimestamp is when an open execution times out.
	ExpectedExecutionTimeoutTimestamp protocol.Seconds `json:",omitzero"`
	// SideBySide is lines for people: what was recorded beside what the code did, of an execution that failed of that.
	SideBySide string `json:",omitempty"`
	// ParentArn is the execution that invoked this one, OriginArn the one that it is a fork of.
	ParentArn string `json:",omitempty"`
	OriginArn string `json:",omitempty"`
	// Forks are the executions that were last made of this one, the newest last: at most 20.
	Forks []MadeFork `json:",omitempty"`
	// Tags are those that it got at its start.
	Tags map[string]string `json:",omitempty"`
}

// MadeFork is an execution that was made of another one.
type MadeFork struct {
	DurableExecutionArn string
	Redrive             bool   `json:",omitempty"` // it tries again what failed
	By                  string `json:",omitempty"` // who asked for it
	Timestamp           protocol.Seconds
	Status              protocol.ExecutionStatus `json:",omitempty"` // without for one that was deleted
}

// Reason is one thing that an execution is at, or waits for.
type Reason struct {
	Kind                string
	Text                string
	Since               protocol.Seconds       `json:",omitzero"`
	Until               protocol.Seconds       `json:",omitzero"`
	OperationId         string                 `json:",omitempty"`
	Type                protocol.OperationType `json:",omitempty"`
	Name                string                 `json:",omitempty"`
	Count               int                    `json:",omitempty"`
	Error               *protocol.ErrorObject  `json:",omitempty"`
	CallbackId          string                 `json:",omitempty"`
	FunctionName        string                 `json:",omitempty"`
	DurableExecutionArn string                 `json:",omitempty"`
}

type explainEngine interface {
	Explain(ctx context.Context, arn string) (*engine.Explanation, error)
}

func (a *api) explain(w http.ResponseWriter, r *http.Request, arn string) error {
	if err := newQuery(r).err(); err != nil {
		return err
	}
	x, err := a.engine.Explain(r.Context(), arn)
	if err != nil {
		return err
	}
	out := Explanation{
		DurableExecutionArn: x.ARN, Status: x.Status, Text: x.Text, Total: x.Total,
		ExpectedExecutionTimeoutTimestamp: protocol.Seconds(x.TimesOut), ParentArn: x.Parent, OriginArn: x.Origin,
		SideBySide: x.SideBySide, Tags: x.Tags,
	}
	for _, f := range x.Forks {
		out.Forks = append(out.Forks, MadeFork{f.ARN, f.Redrive, f.By, protocol.Seconds(f.At), f.Status})
	}
	for i := range x.Reasons {
		out.Reasons = append(out.Reasons, reasonOf(&x.Reasons[i]))
	}
	return reply(w, out)
}

func reasonOf(r *engine.Reason) Reason {
	return Reason{
		Kind: r.Kind, Text: r.Text, Since: protocol.Seconds(r.Since), Until: protocol.Seconds(r.Until),
		OperationId: r.OperationID, Type: r.Type, Name: r.Name, Count: r.Count, Error: r.Error,
		CallbackId: r.CallbackID, FunctionName: r.Function, DurableExecutionArn: r.Execution,
	}
}
