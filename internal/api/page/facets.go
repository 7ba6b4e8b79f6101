package page

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// What is counted beside a list: all that passes the filter; by status, whichever statuses the filter has; and by what
// is done, whatever the filter has of that. So one sees beside what is chosen what else one could choose.

func (p *listPlace) byStatus() *engine.Filter { f := p.filter; f.Statuses = nil; return &f }
func (p *listPlace) byDoing() *engine.Filter  { f := p.filter; f.Doing = nil; return &f }

// beginCounts begins to count what the page shows.
func (s *site) beginCounts(ctx context.Context, p *listPlace) (all []<-chan struct{}) {
	for _, f := range []*engine.Filter{&p.filter, p.byStatus(), p.byDoing()} {
		all = append(all, s.counts.begin(ctx, countKey(f), 0, func(ctx context.Context) (*engine.Counts, error) {
			return s.engine.Count(ctx, f)
		}))
	}
	return all
}

// countKey is what tells counts apart. An age is counted back from now, so it is told in steps.
func countKey(f *engine.Filter) string {
	const step = 10_000 // milliseconds
	rounded := *f
	rounded.Since -= rounded.Since % step
	rounded.StartedAfter -= rounded.StartedAfter % step
	rounded.StartedBefore -= rounded.StartedBefore % step
	v := rounded.Values()
	return v.Encode()
}

// areOld reports whether something has happened since counts were taken, which are shared for a while. A page with such
// asks for itself again: perhaps nothing else happens that would make it.
func (s *site) areOld(ctx context.Context, all ...*engine.Counts) bool {
	news, err := s.engine.News(ctx, 0)
	return err == nil && slices.ContainsFunc(all, func(c *engine.Counts) bool { return c != nil && c.News != news })
}

// counted returns what was counted last, or nil.
func (s *site) counted(f *engine.Filter) *engine.Counts {
	counts, err, ok := s.counts.known(countKey(f))
	if !ok || err != nil {
		return nil
	}
	return counts
}

// always are the statuses that are shown even if no execution has them.
var always = []protocol.ExecutionStatus{
	protocol.ExecutionRunning, protocol.ExecutionFailed, protocol.ExecutionSucceeded,
}

func (p *listPage) addCounts(r *http.Request, s *site) (err error) {
	p.Counts = s.counted(&p.filter)
	if c := s.counted(p.byStatus()); c != nil {
		p.Statuses = append(p.Statuses, facet{Label: "All", N: c.Total, Path: p.With("Status", ""),
			Chosen: len(p.filter.Statuses) == 0})
		for _, status := range statusOrder {
			one := facet{Word: string(status), Label: statusWords[status], N: c.Statuses[status],
				Path: p.With("Status", string(status)), Chosen: slices.Contains(p.filter.Statuses, status)}
			if one.N > 0 || one.Chosen || slices.Contains(always, status) {
				p.Statuses = append(p.Statuses, one)
			}
		}
	}
	if c := s.counted(p.byDoing()); c != nil {
		for _, a := range engine.Activities {
			one := facet{Word: string(a), Label: doingWords[a], N: c.Doing[a], Path: p.With("Doing", string(a)),
				Chosen: slices.Contains(p.filter.Doing, a)}
			if one.Chosen {
				one.Path = p.With("Doing", "")
			}
			if one.N > 0 || one.Chosen {
				p.Doings = append(p.Doings, one)
			}
		}
	}
	if p.Counts != nil && p.query.Get("Marker") == "" {
		p.Failures, err = s.failures(r, p.Counts, shownFailures, &p.filter)
	}
	return err
}

// statusOrder is the order of the counts: what may want somebody first.
var statusOrder = []protocol.ExecutionStatus{
	protocol.ExecutionRunning, protocol.ExecutionPausing, protocol.ExecutionPaused, protocol.ExecutionFailed,
	protocol.ExecutionTimedOut, protocol.ExecutionStopped, protocol.ExecutionSucceeded,
}

var statusWords = map[protocol.ExecutionStatus]string{
	protocol.ExecutionRunning: "Running", protocol.ExecutionPausing: "Pausing", protocol.ExecutionPaused: "Paused",
	protocol.ExecutionFailed: "Failed", protocol.ExecutionTimedOut: "Timed out", protocol.ExecutionStopped: "Stopped",
	protocol.ExecutionSucceeded: "Succeeded",
}

// filterWords name the members of a filter for people.
var filterWords = map[string]string{
	"Function": "function", "Qualifier": "version", "Name": "name", "Status": "status", "StartedAfter": "started after",
	"StartedBefore": "started before", "Doing": "doing", "LongerThan": "for longer than", "Since": "since before",
	"Error": "error", "Tag": "tag", "Redriven": "redriven",
}

// grouped writes a number with spaces between thousands, so a million is read at a glance.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}
