package engine

import (
	"cmp"
	"slices"
	"sync"

	"github.com/perdure/perdure/internal/core/store"
)

// A function's concurrency holds for the whole fleet: each node that can run it has a share, which it tells the
// others. Shares change only with beats, and no two nodes beat at one time. A node takes no more than the others
// leave, and counts what still runs, be it of a version that was replaced. So the shares never add up to more than
// there is, but for invocations that outlive the lease of their node.

// shares are a node's shares of the concurrency of its functions.
type shares struct {
	mu  sync.Mutex
	all map[chan struct{}]*share // by the places of a function version
}

// share is what a node has of one function version.
type share struct {
	NodeFunction // Concurrency is not used
	places       chan struct{}
	held         int           // the places that other nodes have: they are taken here
	owed         int           // more of these, to be taken as soon as they are free
	waiting      int           // callers that wait for a place
	idle         bool          // it cannot run here
	gone         bool          // it was replaced, or removed: what runs goes on to its end
	leaves       chan struct{} // closed then
	present      func() bool   // whether something is there that runs it
	told         bool          // that nothing is
}

// grant is a number of places that a node may use once its beat is durable.
type grant struct {
	share *share
	n     int
}

// put begins to share a function, or goes on with it. A new one has no place that can be used before a beat says so.
// It reports whether something has changed.
func (s *shares) put(f *function) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[f.places]
	if one == nil && f.Invoker == nil {
		return false
	}
	if one == nil {
		one = &share{NodeFunction: NodeFunction{Name: f.Name, Version: f.Version}, places: f.places, idle: true,
			leaves: make(chan struct{})}
		s.all[f.places] = one
		one.hold(0)
	}
	changed := one.idle != (f.Invoker == nil)
	one.idle, one.present = f.Invoker == nil, func() bool { return present(f) }
	return changed
}

func (s *shares) remove(f *function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.all[f.places]; one != nil && !one.gone {
		one.gone = true
		close(one.leaves)
		one.hold(0)
	}
}

// free gives a place back that an invocation had.
func (s *shares) free(f *function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.all[f.places]; one != nil && one.owed > 0 {
		one.owed--
		one.held++
		return
	}
	<-f.places
}

// hold takes places until at most n can be used, those that are not free as soon as they are. It returns how many can
// be used now.
func (s *share) hold(n int) int {
	defer func() { s.owed = max(0, cap(s.places)-s.held-n) }()
	for cap(s.places)-s.held > n {
		select {
		case s.places <- struct{}{}:
			s.held++
			continue
		default:
		}
		break
	}
	return cap(s.places) - s.held
}

// settle gives up places that others are to have, as far as they are free. It returns the shares that this node tells,
// by how much they grow when its beat is durable, and whether others may take more now.
func (s *shares) settle(
	node store.NodeID, nodes []store.Node, draining bool,
) (told []NodeFunction, grow []grant, gave bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	others := othersOf(node, nodes)
	old := s.retire()
	for v, n := range old {
		o := others[v]
		o.have += n
		others[v] = o
	}
	for _, one := range s.all {
		v := qualified{one.Name, one.Version}
		if one.gone {
			continue
		}
		o, absent := others[v], one.idle || !one.present()
		fair := o.fairShare(cap(one.places), one.waiting > 0)
		if draining || one.idle || absent && o.n > 0 {
			fair = 0
		}
		fair = min(fair, max(0, cap(one.places)-o.have))
		before := cap(one.places) - one.held
		usable := one.hold(fair)
		gave = gave || usable < before || one.told != absent
		one.told = absent
		if n := fair - usable; n > 0 {
			grow = append(grow, grant{one, n})
			usable += n
		}
		if !one.idle || usable > 0 {
			told = append(told, NodeFunction{one.Name, one.Version, usable + old[v], one.waiting > 0, absent})
			delete(old, v)
		}
	}
	for v, n := range old {
		told = append(told, NodeFunction{Name: v.function, Version: v.qualifier, Concurrency: n, Absent: true})
	}
	return sortFunctions(told), grow, gave
}

// retire counts what still runs of versions that were replaced or removed, and forgets those of which nothing does.
func (s *shares) retire() map[qualified]int {
	old := map[qualified]int{}
	for places, one := range s.all {
		if !one.gone {
			continue
		}
		if n := one.hold(0); n > 0 {
			old[qualified{one.Name, one.Version}] += n
		} else {
			delete(s.all, places)
		}
	}
	return old
}

// grow makes places usable that a beat has granted.
func (s *shares) grow(granted []grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range granted {
		for range min(g.n, g.share.held) {
			<-g.share.places
			g.share.held--
		}
	}
}

// wait notes that somebody waits for a place of a function, until over is called. Nobody gets one after gone is closed.
// It reports whether a beat may help.
func (s *shares) wait(f *function) (gone <-chan struct{}, over func(), beat bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[f.places]
	if one == nil {
		return nil, func() {}, false
	}
	one.waiting++
	return one.leaves, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		one.waiting--
	}, one.waiting == 1 && one.held > 0
}

// usable is how many invocations a function may have here at one time.
func (s *shares) usable(f *function) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.all[f.places]; one != nil {
		return cap(f.places) - one.held
	}
	return cap(f.places)
}

// sharers are the other living nodes that have a function version.
type sharers struct {
	have   int // their places together
	n      int // how many of them go on, and can run it
	before int // how many of these come before this node by their ids
	// Of those who want more because somebody waits there: how many, and how many come before this node.
	wanting, wantingBefore int
}

// fairShare is what a node should have of all places, beside the others. What is left over goes to those first at which
// somebody waits.
func (o sharers) fairShare(all int, wants bool) int {
	fair, over := all/(o.n+1), all%(o.n+1)
	before := o.wanting + o.before - o.wantingBefore
	if wants {
		before = o.wantingBefore
	}
	if before < over {
		fair++
	}
	return fair
}

func (o *sharers) add(wants, before bool) {
	o.n++
	if before {
		o.before++
	}
	if wants {
		o.wanting++
		if before {
			o.wantingBefore++
		}
	}
}

func othersOf(node store.NodeID, nodes []store.Node) map[qualified]sharers {
	others := map[qualified]sharers{}
	for i := range nodes {
		n := &nodes[i]
		if !n.Alive || n.ID == node {
			continue
		}
		info := readInfo(n)
		for _, f := range info.Functions {
			o := others[qualified{f.Name, f.Version}]
			o.have += f.Concurrency
			if !info.Draining && !f.Absent {
				o.add(f.Waiting, n.ID < node)
			}
			others[qualified{f.Name, f.Version}] = o
		}
	}
	return others
}

func sortFunctions(all []NodeFunction) []NodeFunction {
	slices.SortFunc(all, func(a, b NodeFunction) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(versionNumber(a.Version), versionNumber(b.Version)))
	})
	return all
}
