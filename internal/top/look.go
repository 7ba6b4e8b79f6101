package top

import (
	"context"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/protocol"
)

// Overview is what one look at an engine saw.
type Overview struct {
	Timestamp protocol.Seconds
	// Filter is the query that selects the executions, as in the address of the page; empty for all.
	Filter string `json:",omitempty"`
	Counts *adminapi.Counts
	// Executions begin with what needs attention.
	Executions []Execution
	Rates      Rates
	// Throughput is that of all functions, whatever the filter, on the node that answers; so are Rates.
	Throughput []adminapi.Throughput `json:"-"`
	Nodes      []adminapi.Node
	Jobs       []adminapi.Job // those that run, the newest first

	status   *adminapi.Status
	readOnly bool
}

// Execution is one of the list. Reason is why it is where it is, in one line; empty if nobody asked.
type Execution struct {
	adminapi.Execution
	Reason string `json:",omitempty"`
}

// Rates are executions per second.
type Rates struct{ Started, Ended, Failed float64 }

// want is what a look is about.
type want struct {
	filter   url.Values // ages in it count back from each look
	rows     int        // executions to list
	from, to int        // those of them that are asked for their reason
}

// watcher looks at an engine again and again. It looks once at a time.
type watcher struct {
	client *client.Client
	about  *adminapi.About // nil if nobody has asked yet, or it may be another engine now
	meter  meter
}

func (w *watcher) look(ctx context.Context, about want) (*Overview, error) {
	o, err := w.gather(ctx, &about)
	if err != nil {
		w.about = nil
	}
	return o, err
}

func (w *watcher) gather(ctx context.Context, about *want) (*Overview, error) {
	now := time.Now()
	filter, err := engine.ParseFilter(about.filter, now)
	if err != nil {
		return nil, err
	}
	o := &Overview{Timestamp: protocol.Seconds(protocol.TimestampOf(now)), Filter: about.filter.Encode()}
	if w.about == nil {
		if w.about, err = w.client.About(ctx); err != nil {
			return nil, err
		}
	}
	o.readOnly = w.about.ReadOnly
	if o.Counts, err = w.client.Count(ctx, filter); err != nil {
		return nil, err
	}
	if o.Executions, err = w.list(ctx, filter, about.rows); err != nil {
		return nil, err
	}
	if o.status, err = w.client.Status(ctx); err != nil {
		return nil, err
	}
	o.Throughput = o.status.Throughput
	o.Rates = w.meter.read(now, o.Throughput)
	if o.Nodes, err = w.client.Nodes(ctx); err != nil {
		return nil, err
	}
	jobs, err := w.client.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	o.Jobs = slices.DeleteFunc(jobs, func(j adminapi.Job) bool { return j.EndedTimestamp != 0 })
	n := len(o.Executions)
	w.explain(ctx, o.Executions[min(about.from, n):min(max(about.from, about.to), n)])
	return o, nil
}

func (w *watcher) list(ctx context.Context, filter engine.Filter, rows int) ([]Execution, error) {
	all := []Execution{}
	req := engine.ListRequest{Filter: filter, AttentionFirst: true, MaxItems: rows}
	for e, err := range w.client.Find(ctx, req) {
		if err != nil {
			return nil, err
		}
		if all = append(all, Execution{Execution: *e}); len(all) == rows {
			break
		}
	}
	return all, nil
}

// The bounds of asking for reasons, which are worth less than the rest.
const (
	explainers      = 4
	explainPatience = 2 * time.Second
)

// explain asks why open executions are where they are. One that is gone meanwhile has no reason.
func (w *watcher) explain(ctx context.Context, executions []Execution) {
	ctx, cancel := context.WithTimeout(ctx, explainPatience)
	defer cancel()
	var asked sync.WaitGroup
	places := make(chan struct{}, explainers)
	for i := range executions {
		e := &executions[i]
		if e.EndTimestamp != 0 {
			continue
		}
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			if x, err := w.client.Explain(ctx, e.DurableExecutionArn); err == nil {
				e.Reason = x.Text
			}
		})
	}
	asked.Wait()
}

// meter makes rates of counts by the minute.
type meter struct {
	last    []adminapi.Throughput
	sum     Rates // everything since the first reading, in executions
	samples []sample
}

type sample struct {
	at  time.Time
	sum Rates
}

// window is the time over which rates are averaged, so that a slow trickle does not look like a pulse.
const window = 10 * time.Second

// read adds a reading. The first one tells the rates since the last minute began that is over.
func (m *meter) read(now time.Time, minutes []adminapi.Throughput) Rates {
	if m.last != nil {
		m.sum = m.sum.plus(since(m.last, minutes))
	}
	first := m.samples == nil
	m.last = minutes
	m.samples = append(m.samples, sample{now, m.sum})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= window {
		m.samples = m.samples[1:]
	}
	seconds := now.Sub(m.samples[0].at).Seconds()
	switch {
	case first && len(minutes) > 1:
		last := minutes[len(minutes)-2:]
		return since(nil, last).over(60 + min(max(now.Sub(last[1].Begins.Time()).Seconds(), 0), 60))
	case seconds <= 0:
		return Rates{}
	}
	return m.sum.plus(m.samples[0].sum.over(-1)).over(seconds)
}

// since is what happened between two readings. Of an engine that began anew nothing is subtracted.
func since(before, after []adminapi.Throughput) (sum Rates) {
	old := map[protocol.Seconds]adminapi.Throughput{}
	for _, m := range before {
		old[m.Begins] = m
	}
	gain := func(after, before uint64) float64 {
		if after < before {
			return float64(after)
		}
		return float64(after - before)
	}
	for _, m := range after {
		was := old[m.Begins]
		sum = sum.plus(Rates{gain(m.Started, was.Started), gain(m.Ended, was.Ended), gain(m.Failed, was.Failed)})
	}
	return sum
}

func (r Rates) plus(o Rates) Rates {
	return Rates{r.Started + o.Started, r.Ended + o.Ended, r.Failed + o.Failed}
}

func (r Rates) over(n float64) Rates { return Rates{r.Started / n, r.Ended / n, r.Failed / n} }
