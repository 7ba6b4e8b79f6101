package fleet

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

// link is the network between a node and the database.
type link struct {
	t      *testing.T
	name   string
	proxy  *toxiproxy.Proxy
	faults *timeline
}

var toxiServer = sync.OnceValue(func() *toxiproxy.ApiServer {
	return toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
})

func newLink(t *testing.T, name, database string, faults *timeline) *link {
	t.Helper()
	l := &link{t: t, name: name, proxy: toxiproxy.NewProxy(toxiServer(), name, "127.0.0.1:0", database), faults: faults}
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.heal()
		l.proxy.Stop()
	})
	return l
}

// url is the address of the database by way of the link.
func (l *link) url(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		l.t.Fatal(err)
	}
	u.Host = l.proxy.Listen
	return u.String()
}

// to leads to another server from now on. Connections are cut off.
func (l *link) to(database string) {
	l.faults.add("%s leads to %s", l.name, database)
	l.update(func(p *toxiproxy.Proxy) { p.Upstream = database })
}

// refuse ends all connections, and takes no new ones.
func (l *link) refuse() {
	l.faults.add("%s refuses connections", l.name)
	l.update(func(p *toxiproxy.Proxy) { p.Enabled = false })
}

func (l *link) update(change func(p *toxiproxy.Proxy)) {
	p := &toxiproxy.Proxy{Listen: l.proxy.Listen, Upstream: l.proxy.Upstream, Enabled: true}
	change(p)
	if err := l.proxy.Update(p); err != nil {
		l.t.Errorf("%s: %v", l.name, err)
	}
}

// drop lets nothing through in a direction: upstream, downstream or both. Connections stay open.
func (l *link) drop(direction string) {
	l.faults.add("%s drops what goes %s", l.name, direction)
	for _, d := range []string{"upstream", "downstream"} {
		if direction == d || direction == "both" {
			l.toxic("timeout", d, map[string]any{"timeout": 0})
		}
	}
}

// slow delays everything by d, more or less, and cuts it into small pieces.
func (l *link) slow(d time.Duration) {
	l.faults.add("%s is slow: %v", l.name, d)
	for _, direction := range []string{"upstream", "downstream"} {
		l.toxic("latency", direction, map[string]any{"latency": d.Milliseconds() / 2, "jitter": d.Milliseconds() / 4})
	}
	l.toxic("slicer", "downstream", map[string]any{"average_size": 300, "size_variation": 200, "delay": 100})
}

// cut ends a connection with a chance of one in n whenever the node sends something: before it gets through, in the
// middle, or behind, so that the database does it and the answer is lost. Nearly all that a node sends are commits.
func (l *link) cut(n int, seed uint64) {
	l.faults.add("%s is cut with every %dth message", l.name, n)
	l.toxic("cut", "upstream", map[string]any{"one_in": n, "seed": seed})
}

func (l *link) toxic(kind, direction string, attributes map[string]any) {
	text, err := json.Marshal(map[string]any{"type": kind, "stream": direction, "attributes": attributes})
	if err == nil {
		_, err = l.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
	}
	if err != nil {
		l.t.Errorf("%s: %s %s: %v", l.name, kind, direction, err)
	}
}

// heal ends all that is wrong with the link.
func (l *link) heal() {
	l.faults.add("%s is healed", l.name)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l.proxy.Toxics.ResetToxics(ctx)
	l.update(func(*toxiproxy.Proxy) {})
}

// cutToxic is what link.cut does to each connection.
type cutToxic struct {
	OneIn int    `json:"one_in"`
	Seed  uint64 `json:"seed"`
}

// Pipe implements [toxics.Toxic].
func (c *cutToxic) Pipe(stub *toxics.ToxicStub) {
	// Connections are not numbered, so the seed makes their fates alike rather than the same.
	r := rand.New(rand.NewPCG(c.Seed, rand.Uint64()))
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
			if r.IntN(c.OneIn) > 0 {
				stub.Output <- chunk
				continue
			}
			through := []int{0, len(chunk.Data) / 2, len(chunk.Data)}[r.IntN(3)]
			if through > 0 {
				stub.Output <- &stream.StreamChunk{Data: chunk.Data[:through], Timestamp: chunk.Timestamp}
			}
			stub.Close()
			return
		}
	}
}

func init() { toxics.Register("cut", new(cutToxic)) }
