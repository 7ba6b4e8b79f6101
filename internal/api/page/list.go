package page

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// listPage is the list of executions.
type listPage struct {
	Functions []string
	Statuses  []protocol.ExecutionStatus
	Function  string
	Status    protocol.ExecutionStatus
	Name      string
	Items     []engine.Summary
	Next      string // query of the next page, empty on the last
}

// Filtered reports whether some executions are left out.
func (p *listPage) Filtered() bool { return p.Function+string(p.Status)+p.Name != "" }

// pageLength is the number of executions on one page.
const pageLength = 50

func (s *site) list(r *http.Request) (frame, error) {
	q := r.URL.Query()
	p := &listPage{
		Functions: s.functionNames(), Statuses: protocol.ExecutionStatuses,
		Function: q.Get("function"), Status: protocol.ExecutionStatus(q.Get("status")), Name: q.Get("name"),
	}
	req := &engine.ListRequest{Marker: q.Get("marker"), MaxItems: pageLength}
	req.Function = p.Function
	if p.Name != "" {
		req.Name = p.Name + "*"
	}
	if p.Status != "" && !slices.Contains(protocol.ExecutionStatuses, p.Status) {
		return frame{}, protocol.Errorf(protocol.CodeInvalidParameter, "No execution can be %q.", string(p.Status))
	}
	if p.Status != "" {
		req.Statuses = []protocol.ExecutionStatus{p.Status}
	}
	items, next, err := s.engine.List(r.Context(), req)
	if err != nil {
		return frame{}, err
	}
	p.Items = items
	if next != "" {
		more := url.Values{"function": {p.Function}, "status": {string(p.Status)}, "name": {p.Name}, "marker": {next}}
		p.Next = "?" + more.Encode()
	}
	return frame{Title: "Executions", Section: sectionExecutions, Live: liveAll, Page: p}, nil
}

func (s *site) functionNames() []string {
	functions, _ := s.functions.List()
	var names []string
	for _, f := range functions {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// startPage is the form that starts an execution.
type startPage struct {
	Functions []string
	Function  string
	Name      string
	Event     string
	Problem   string
}

func (s *site) startForm(r *http.Request) (frame, error) {
	p := &startPage{Functions: s.functionNames(), Function: r.URL.Query().Get("function"), Event: "{}"}
	if from := r.URL.Query().Get("from"); from != "" {
		d, err := s.engine.Describe(r.Context(), from)
		if err != nil {
			return frame{}, err
		}
		if arn, err := protocol.ParseARN(from); err == nil {
			p.Function = arn.Function
		}
		if d.Input != nil {
			p.Event = *d.Input
		}
	}
	return frame{Title: "Start an execution", Section: sectionStart, Page: p}, nil
}
