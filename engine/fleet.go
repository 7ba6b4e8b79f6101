package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Engines whose store is a [store.Fleet] are its nodes. Any of them answers anything; this file is about who acts.
//
// A node has a lease, which it renews with each beat. While it has one, it owns executions: those that it invokes,
// and those with which it soon goes on. Their rows say so, and its agendas hold nothing else. What is nobody's, or a
// dead node's, is claimed by whoever has room for it. Owning is no lock: the fence alone decides what is recorded.
//
// A node that cannot renew its lease breaks off its invocations before others repeat them, and comes back as a new
// node. So none ever asks what a node that was taken for dead had still in hand.
//
// What other nodes do is seen in time because nothing is answered from memory alone: a commit meets the fence, and
// what commits nothing compares the number of the last entry (see update). Hints only make things faster.

// NodeOptions say how an engine presents itself to the other nodes of its fleet. They count only with a store that
// several engines use at one time, one of package postgres.
type NodeOptions struct {
	Name    string // for people, such as that of the machine
	URL     string // where the node answers; empty if nowhere
	Version string // of the program
	// Lease is after how long without a sign of life the others take over; the default is 10 s, the least 1 s.
	Lease time.Duration
}

// Node is one engine of a fleet.
type Node struct {
	ID, Name, URL, Version string
	Self                   bool // the engine that was asked
	Alive                  bool
	Draining               bool // it begins nothing any more
	Joined, Until          protocol.Timestamp
	Owns                   int64         // executions that it works on, about
	Lag                    time.Duration // of its machine's clock behind the database's; the fleet goes by the latter
	Functions              []NodeFunction
	Attach                 []string // functions to which workers may attach there: see [Awaiter]
}

// NodeState is what a node is doing, in a word.
type NodeState string

// The states of a node.
const (
	NodeAlive    NodeState = "alive"
	NodeDraining NodeState = "draining" // it ends what it does, and begins nothing
	NodeGone     NodeState = "gone"     // it ended in order
	NodeDead     NodeState = "dead"     // it gave no sign of life any more
)

// State is what the node is doing.
func (n *Node) State() NodeState {
	switch {
	case n.Alive && n.Draining:
		return NodeDraining
	case n.Alive:
		return NodeAlive
	case n.Draining && n.Owns == 0:
		return NodeGone
	}
	return NodeDead
}

// NodeFunction is a function version that a node can run.
type NodeFunction struct {
	Name, Version string
	// Concurrency is how many invocations the node may have at one time: its share of the function's concurrency.
	Concurrency int
	Waiting     bool // callers wait for a place there
	Absent      bool `json:",omitempty"` // nothing is there that runs it: no worker, say
}

// nodeInfo is what a node tells of itself, as JSON.
type nodeInfo struct {
	Name, URL, Version string
	Draining           bool `json:",omitempty"`
	Lag                time.Duration
	Functions          []NodeFunction
	Settings           map[string]Function // of those that are registered, by name
	Telemetry          string              `json:",omitempty"` // the key of its progress in telling
	Attach             []string            `json:",omitempty"`
}

func readInfo(n *store.Node) (info nodeInfo) {
	_ = json.Unmarshal(n.Info, &info) // of a newer program, perhaps: what is not understood stays empty
	return info
}

// adrift is the owner of nothing: a node without a lease.
const adrift store.NodeID = -2

const (
	beatsInLease = 5
	defaultLease = 10 * time.Second
	minLease     = time.Second
	// nearby is how soon something must be due for a node to keep the execution.
	nearby = 30 * time.Second
)

// membership is an engine's place in a fleet.
type membership struct {
	*life
	store     store.Fleet // nil: the engine is alone with its store, and the rest is unused
	options   NodeOptions
	plans     *plans
	ledger    *ledger
	news      *bulletin
	shares    *shares
	beatNow   chan struct{}
	wake      chan struct{} // something may be there to claim
	hints     hints
	counts    memberCounts
	functions *Functions
	reporter  *reporter // nil without telemetry
	telemetry string    // the key of its progress in telling, from the first beat on; empty without

	id       atomic.Int64 // of this node; adrift without a lease
	last     atomic.Int64 // of this node, or the one that it was before its lease ended
	draining atomic.Bool
	others   atomic.Bool            // others live
	leads    atomic.Bool            // the oldest living node does what one is enough for
	fresh    atomic.Bool            // the next beat tells something of which the others should hear at once
	dead     atomic.Bool            // nodes died not long ago
	deaf     atomic.Bool            // no hints are to be had
	known    atomic.Pointer[[]Node] // as of the last beat

	mu     sync.Mutex
	tenure context.Context // ends with the lease
	end    context.CancelFunc
	expiry *time.Timer // ends it
	until  time.Time   // when that is
	err    error       // of the last beat
}

type memberCounts struct{ claimed, takenOver, lost atomic.Uint64 }

func newMembership(l *life, st store.Store, plans *plans, opts NodeOptions) *membership {
	m := &membership{
		life: l, options: opts, plans: plans, beatNow: make(chan struct{}, 1), wake: plans.claim,
		shares: &shares{all: map[chan struct{}]*share{}},
	}
	m.store, _ = st.(store.Fleet)
	m.options.Lease = max(minLease, cmp.Or(opts.Lease, defaultLease))
	m.hints.init(m)
	m.tenure, m.end = context.WithCancel(l.ctx)
	if m.store != nil {
		m.id.Store(int64(adrift))
		m.end()
	}
	return m
}

// alone reports whether no other engine uses the store.
func (m *membership) alone() bool { return m.store == nil }

// self is this node; zero if it is alone, adrift without a lease.
func (m *membership) self() store.NodeID { return store.NodeID(m.id.Load()) }

// serving is a context that ends when this node must not run functions any more.
func (m *membership) serving() context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tenure
}

// leading reports whether this node does what one is enough for.
func (m *membership) leading() bool { return m.alone() || m.leads.Load() }

// owner says who is to act on an execution when a draft of it is committed. l is nil for one that nobody knows.
func (m *membership) owner(l *live, d *machine.Draft) store.NodeID {
	now := m.now()
	switch wanted, due := d.Wanted(), d.Due(); {
	case m.alone():
		return 0
	case d.Invoking() && (d.Begins() || l != nil && d.InFlight() == l.running):
		return store.NodeID(m.last.Load()) // without a lease that one is dead, so others take the execution over
	case d.Invoking():
		return store.KeepOwner
	case m.draining.Load() || m.self() == adrift:
		return 0
	case wanted != 0:
		arn := d.Identity().ARN
		if m.plans.queues.hasRoom(arn.Function, arn.Version) {
			return m.self()
		}
		return 0
	case due != 0 && due <= now.Add(nearby):
		return m.self()
	}
	return 0
}

// callOwner says who is to make a call of a plain function.
func (m *membership) callOwner(function, version string) store.NodeID {
	if m.alone() || m.self() == adrift || !m.plans.queues.hasRoom(function, version) {
		return 0
	}
	return m.self()
}

// mine reports whether this node acts on what has this owner. One without a lease acts on nothing.
func (m *membership) mine(owner store.NodeID) bool {
	return m.alone() || owner == m.self() && owner != adrift
}

// run renews the lease until the engine closes.
func (m *membership) run() {
	for !m.closing() {
		every := m.options.Lease / beatsInLease
		if m.self() == adrift {
			every = min(every, retryDelay)
		}
		pause(m.ctx, every, m.beatNow)
		if !m.closing() {
			m.note(m.beat(m.ctx))
		}
	}
}

// share makes a function's places this node's share of them. One that cannot run here has none.
func (m *membership) share(f *function) {
	if m.alone() {
		return
	}
	if m.shares.put(f) {
		m.announce()
	}
}

func (m *membership) unshare(f *function) {
	if !m.alone() {
		m.shares.remove(f)
		m.announce()
	}
}

// announce has what this node tells of its functions told now, and heard by the others: their shares change.
func (m *membership) announce() {
	m.fresh.Store(true)
	nudge(m.beatNow)
}

// free gives a place of a function back.
func (m *membership) free(f *function) {
	if m.alone() {
		<-f.places
		return
	}
	m.shares.free(f)
}

// leaveTime bounds how long a node that closes tries to say so. The others find out without.
const leaveTime = 2 * time.Second

// leave ends the lease of an engine that closes, when nothing runs any more.
func (m *membership) leave() {
	if m.alone() || m.self() == adrift {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	node := m.self()
	m.draining.Store(true)
	_ = m.beat(ctx) // so that nobody takes it for dead
	m.id.Store(int64(adrift))
	err := m.store.Leave(ctx, node)
	if err == nil && m.others.Load() {
		err = m.store.Tell(ctx, node, hintBeat, hintWork)
	}
	if err != nil {
		m.log.Warn("this node could not take its leave; the others find out when its lease is over", "error", err)
	}
}

// note logs when beats begin to fail, and when they succeed again.
func (m *membership) note(err error) {
	m.mu.Lock()
	before := m.err
	m.err = err
	m.mu.Unlock()
	switch {
	case m.closing():
	case err != nil && before == nil:
		m.log.Error("the database does not answer; trying again until it does", "error", err)
	case err == nil && before != nil:
		m.ledger.cache.doubt()
		m.log.Info("the database answers again")
	}
}

// beat renews the lease, or makes this engine a new node.
func (m *membership) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.options.Lease)
	defer cancel()
	node, first := m.self(), false
	if node == adrift {
		node, first = store.NodeID(rand.Int64N(1<<62)+1), true
	}
	began := time.Now()
	var census *store.Census
	var grow []grant
	gave := m.fresh.Swap(false) || first // the others are to beat, too
	err := m.store.Beat(ctx, node, first, m.options.Lease, func(c *store.Census) []byte {
		census = c
		info := nodeInfo{
			Name: m.options.Name, URL: m.options.URL, Version: m.options.Version,
			Lag:      c.Now.Time().Sub(began.Add(time.Since(began) / 2).Round(0)),
			Draining: m.draining.Load(), Telemetry: m.telemetry,
		}
		var less bool
		info.Functions, grow, less = m.shares.settle(node, c.Nodes, info.Draining)
		gave = gave || less
		info.Settings, info.Attach = m.functions.registered(), attachable(m.functions.all())
		data, _ := json.Marshal(&info) // texts and numbers
		return data
	})
	if errors.Is(err, store.ErrLeaseOver) {
		m.lose()
		return m.beat(ctx) // as a new node
	}
	if err != nil {
		return err
	}
	m.plans.stepped(m.clock.follow(census.Now, began))
	if !m.hold(node, first, began) {
		return nil // the answer came too late
	}
	m.look(node, census)
	if m.shares.grow(grow); len(grow) > 0 {
		nudge(m.wake)
	}
	if gave {
		m.hints.tell(hintBeat)
		m.plans.queues.wake() // what waits for places that are gone is for others
	}
	return nil
}

// hold notes that the lease runs from a moment on, by a clock that nobody can set. It is false if the lease is over.
func (m *membership) hold(node store.NodeID, first bool, began time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := m.options.Lease - time.Since(began)
	if left <= 0 || !first && m.self() != node {
		return false
	}
	m.until = began.Add(m.options.Lease)
	if !first {
		m.expiry.Reset(left)
		return true
	}
	m.tenure, m.end = context.WithCancel(m.ctx)
	m.id.Store(int64(node))
	m.last.Store(int64(node))
	m.plans.follow(node)
	m.expiry = time.AfterFunc(left, m.lose)
	return true
}

// lose ends the lease: this node is dead to the others.
func (m *membership) lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.self() == adrift || m.closing() {
		return
	}
	m.id.Store(int64(adrift))
	m.expiry.Stop()
	m.end()
	m.counts.lost.Add(1)
	m.renewPlaces()
	m.plans.follow(adrift)
	m.log.Error("this node could not renew its lease: it breaks off its invocations, which are repeated")
	nudge(m.beatNow)
}

// lapsed reports whether the lease is over, by the clock: after a process stood still, its timers may come too late.
func (m *membership) lapsed() bool {
	if m.alone() {
		return false
	}
	m.mu.Lock()
	over := !time.Now().Before(m.until)
	m.mu.Unlock()
	if over {
		m.lose()
	}
	return over
}

// renewPlaces gives all versions new places, of which this node has none yet: it has lost its lease, so what it had
// belongs to others, while invocations that it breaks off still hold old ones.
func (m *membership) renewPlaces() {
	for _, f := range m.functions.all() {
		renewed := *f
		renewed.places = make(chan struct{}, cap(f.places))
		m.functions.replace(f, &renewed)
	}
}

// settled reports whether each node has heard of what was deleted at a moment, or is dead: none starts anything on that
// version from then on. The store says which nodes there are: what the last beat said may be old.
func (m *membership) settled(ctx context.Context, deleted time.Time) (bool, error) {
	if m.alone() || m.now().Time().Sub(deleted) >= 2*m.options.Lease {
		return true, nil
	}
	census, err := m.store.Nodes(ctx)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(census.Nodes, func(n store.Node) bool { return n.Alive && n.ID != m.self() }), nil
}

// look notes what a beat says of the other nodes.
func (m *membership) look(node store.NodeID, c *store.Census) {
	first, others, dead := store.NodeID(0), false, false
	for i := range c.Nodes {
		switch n := &c.Nodes[i]; {
		case !n.Alive && n.ID != node:
			dead = true
		case first == 0:
			first = n.ID
			fallthrough
		default:
			others = others || n.ID != node
		}
	}
	m.others.Store(others)
	known := nodesOf(c, node)
	m.known.Store(&known)
	m.dead.Store(dead)
	if led := m.leads.Swap(first == node); !led && first == node {
		m.plans.removals.fail()
	}
	if dead {
		nudge(m.wake)
	}
	m.functions.elsewhere(node, c.Nodes)
	m.functions.documents.moved(c.Documents)
}

// heard tells other nodes of changes of which they should know soon.
func (m *membership) heard(c change) {
	if m.alone() {
		return
	}
	if c.x != nil && slices.ContainsFunc(c.records, func(r machine.Record) bool { return r.Kills() }) {
		m.hints.tell(hintChanged + " " + c.id) // wherever something runs for it
		return
	}
	for _, w := range c.writes {
		if w.Row != nil && w.Row.Owner == store.KeepOwner { // the node that invokes it should look
			m.hints.tell(hintChanged + " " + w.ID)
			return
		}
	}
	m.hints.changed(c.id)
}

// Nodes returns the nodes of the engine's fleet, the oldest first; those that died are among them for an hour. An
// engine that is alone with its store is the one node.
func (e *Engine) Nodes(ctx context.Context) ([]Node, error) {
	m := e.fleet
	if m.alone() {
		return []Node{{
			Name: m.options.Name, URL: m.options.URL, Version: m.options.Version, Self: true, Alive: true,
			Draining: e.flights.landing.Err() != nil, Functions: e.functions.runs(),
			Attach: attachable(e.functions.all()),
		}}, nil
	}
	census, err := m.store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	return nodesOf(census, m.self()), nil
}

// NodesOf returns the nodes of a fleet by its store, without being one.
func NodesOf(ctx context.Context, st Store) ([]Node, error) {
	fleet, ok := st.(store.Fleet)
	if !ok {
		return nil, nil
	}
	census, err := fleet.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	return nodesOf(census, 0), nil
}

func nodesOf(c *store.Census, self store.NodeID) []Node {
	nodes := make([]Node, len(c.Nodes))
	for i := range c.Nodes {
		n, info := &c.Nodes[i], readInfo(&c.Nodes[i])
		nodes[i] = Node{
			ID: nodeName(n.ID), Name: info.Name, URL: info.URL, Version: info.Version, Self: n.ID == self,
			Alive: n.Alive, Draining: info.Draining, Joined: n.Joined, Until: n.Until, Owns: n.Owns, Lag: info.Lag,
			Functions: info.Functions, Attach: info.Attach,
		}
	}
	return nodes
}

func nodeName(id store.NodeID) string { return fmt.Sprintf("%016x", uint64(id)) }
