package page

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/overview"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// enginePage is how the engine does, and its fleet.
type enginePage struct {
	*overview.Status
	Up         string // for how long the process has been there
	Size       string // of the store
	Heap       string
	System     string
	Cached     string // what executions take in memory
	Histograms []histogram
	Nodes      []engine.Node
	now        protocol.Timestamp
}

// Alone reports whether there is no fleet.
func (p *enginePage) Alone() bool { return p.Node == "" }

// Lateness is how late almost all that was due was looked at.
func (p *enginePage) Lateness() string { return shortTime(p.Late.P99) }

// Left is what is left of a node's lease, by this machine's clock, or how long it is over.
func (p *enginePage) Left(n engine.Node) string {
	switch {
	case n.Until == 0:
		return ""
	case n.Until < p.now:
		return "over for " + between(n.Until, p.now)
	}
	return between(p.now, n.Until)
}

func (s *site) enginePage(r *http.Request) (frame, error) {
	nodes, err := s.engine.Nodes(r.Context())
	if err != nil {
		return frame{}, err
	}
	status, now := s.overview.Status(r.Context()), time.Now()
	up := now.Sub(protocol.Timestamp(status.Started).Time())
	for i := range nodes {
		if nodes[i].Self { // whose clock is off by its lag
			now = now.Add(nodes[i].Lag)
		}
	}
	p := &enginePage{
		Status: status, Nodes: nodes, now: protocol.TimestampOf(now), Up: text.Duration(up),
		Size: bytesText(status.Store.Bytes),
		Heap: bytesText(int64(status.Memory.Heap)), System: bytesText(int64(status.Memory.System)),
		Cached: bytesText(int64(status.Executions.MemoryBytes)),
	}
	p.Histograms = []histogram{
		histogramOf("Checkpoints", "until durable and answered", status.Checkpoint, shortTime),
		histogramOf("Lateness", "from when something is due until it is looked at", status.Late, shortTime),
	}
	if len(status.Store.Commit.Buckets) > 0 { // else it has no transactions
		p.Histograms = append(p.Histograms,
			histogramOf("Commits", "one transaction of the store", status.Store.Commit, shortTime),
			histogramOf("Changes in a transaction", "how many share one", status.Store.Changes, wholeNumber))
	}
	return frame{Title: "Engine", Style: figureStyle, Section: sectionEngine, Live: liveAll, Page: p}, nil
}

// shortTime words a time that may be far below a second.
func shortTime(seconds float64) string {
	if seconds < 0.01 {
		return fmt.Sprintf("%.2g ms", seconds*1000)
	}
	return spaced(seconds)
}

// wholeNumber words a quantile of counts: a part of one is one.
func wholeNumber(n float64) string { return fmt.Sprintf("%.0f", math.Ceil(n)) }

// bytesText words a number of bytes.
func bytesText(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
