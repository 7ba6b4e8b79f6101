package page

import (
	"net/http"
	"net/url"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// failureGroup is the failures of a function with one type of error.
type failureGroup struct {
	engine.FailureCount
	Last *engine.Summary // the latest of them; nil if it is gone by now
}

// filter is which executions they are. Those without a type cannot be told from the others.
func (g *failureGroup) filter() *engine.Filter {
	return &engine.Filter{Function: g.Function, Error: g.Error, Statuses: unsuccessful}
}

// Path is the list of them.
func (g *failureGroup) Path() string { return listPath(g.filter()) }

// Command redrives all of them in a terminal.
func (g *failureGroup) Command() string {
	return "perdure redrive --function " + g.Function + " --error " + text.Quote(g.Error)
}

// mostFailures is how many groups of failures a page shows.
const mostFailures = 20

// failures groups what failed by the type of its error, the most frequent first.
func (s *site) failures(r *http.Request, c *engine.Counts) (groups []*failureGroup, err error) {
	for _, one := range c.Failures[:min(len(c.Failures), mostFailures)] {
		g := &failureGroup{FailureCount: one}
		items, _, err := s.engine.List(r.Context(), &engine.ListRequest{Filter: *g.filter(), MaxItems: 1})
		if err != nil {
			return nil, err
		}
		if len(items) > 0 && g.Error != "" {
			g.Last = &items[0]
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// redriveFailed redrives all executions of a function that failed with one error.
func (s *site) redriveFailed(r *http.Request, form url.Values) (string, error) {
	g := failureGroup{FailureCount: engine.FailureCount{Function: form.Get("Function"), Error: form.Get("Error")}}
	if g.Function == "" || g.Error == "" {
		return "", protocol.Errorf(protocol.CodeInvalidParameter, "Function and Error say what is to be redriven.")
	}
	_, err := s.engine.Jobs().Start(r.Context(), &engine.JobRequest{Action: engine.JobRedrive, Filter: *g.filter()})
	return g.Path(), err
}
