package page

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// failureGroup is the failures of a function with one type of error.
type failureGroup struct {
	engine.FailureCount
	Last   *engine.Summary // the latest of them; nil if it is gone by now
	filter engine.Filter   // which they are
}

// Path is the list of them.
func (g *failureGroup) Path() string { return listPath(&g.filter) }

// RedrivePath is where all of them are redriven.
func (g *failureGroup) RedrivePath() string { return actPath(engine.JobRedrive, &g.filter) }

// Command redrives all of them in a terminal.
func (g *failureGroup) Command() string {
	q := g.filter.Values()
	if g.filter.Redriven == engine.RedrivenNo {
		q.Del("Redriven") // it goes without saying
	}
	return "perdure redrive" + filterFlags(q, false)
}

// mostFailures is how many groups of failures a page shows.
const mostFailures = 20

// failures groups what failed by the type of its error, the most frequent first: so many groups of what was counted
// with a filter.
func (s *site) failures(r *http.Request, c *engine.Counts, most int, of *engine.Filter) (
	groups []*failureGroup, err error,
) {
	for _, one := range c.Failures[:min(len(c.Failures), most)] {
		g := &failureGroup{FailureCount: one, filter: *of}
		g.filter.Function = cmp.Or(of.Function, one.Function) // the former may name a version
		g.filter.Error = engine.ErrorWord(one.Error)
		g.filter.Redriven = cmp.Or(of.Redriven, engine.RedrivenNo)
		g.filter.Statuses = slices.DeleteFunc(slices.Clone(unsuccessful), func(status protocol.ExecutionStatus) bool {
			return len(of.Statuses) > 0 && !slices.Contains(of.Statuses, status)
		})
		items, _, err := s.engine.List(r.Context(), &engine.ListRequest{Filter: g.filter, MaxItems: 1})
		if err != nil {
			return nil, err
		}
		if len(items) > 0 {
			g.Last = &items[0]
		}
		groups = append(groups, g)
	}
	return groups, nil
}
