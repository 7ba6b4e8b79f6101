package page

import (
	"net/http"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// nodesPage is the list of nodes.
type nodesPage struct {
	Nodes []engine.Node
	now   protocol.Timestamp
}

// Left is what is left of a node's lease, by this machine's clock, or how long it is over.
func (p *nodesPage) Left(n engine.Node) string {
	switch {
	case n.Until == 0:
		return ""
	case n.Until < p.now:
		return "over for " + between(n.Until, p.now)
	}
	return between(p.now, n.Until)
}

func (s *site) nodes(r *http.Request) (frame, error) {
	nodes, err := s.engine.Nodes(r.Context())
	if err != nil {
		return frame{}, err
	}
	now := time.Now()
	for i := range nodes {
		if nodes[i].Self { // whose clock is off by its lag
			now = now.Add(nodes[i].Lag)
		}
	}
	p := &nodesPage{nodes, protocol.TimestampOf(now)}
	return frame{Title: "Engine", Section: sectionEngine, Live: liveAll, Page: p}, nil
}
