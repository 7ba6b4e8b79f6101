package engine

import (
	"container/heap"
	"slices"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// agenda holds the beginning of one of the store's agendas. It reads the rest page by page as the beginning is worked
// off, so its memory does not depend on how much there is to do.
//
// The window reaches up to end. Each item in it is in memory, was taken, or was lost. All others are in the store.
//
// An item whose work failed is lost: it stays in the store, and a sweep, which reads the window once more, finds it. So
// it is tried again, takes no memory meanwhile, and delays no other item.
type agenda struct {
	*life
	store store.Store
	of    store.Agenda
	size  int                                   // up to how many items are kept in memory
	ripe  func(at, now protocol.Timestamp) bool // whether an item's time has come
	nudge chan struct{}                         // an item came that is due before all others
	mu    sync.Mutex
	turn  int // counts how often the owner changed
	heap  appointments
	byKey map[key]*appointment
	first store.Item // nothing before it is on this agenda
	limit store.Item // items from here on belong to another agenda; zero is no limit
	end   store.Item // of the window
	whole bool       // the store has nothing between end and limit

	reading bool // a page is being read: items that are set meanwhile stay, wherever they belong
	strays  bool // some of these lie behind end

	lost        bool       // an item of the window was lost, so a sweep is wanted
	swept       store.Item // how far the sweep has come
	again       time.Time  // when it goes on
	failures    int        // how many items were ever lost, and how many before this sweep, and before its last page
	beforeSweep int
	beforePage  int
}

// key tells items apart.
type key struct {
	id string // of the execution
	op string // of a call; empty if the item is the execution itself
}

// appointment is an item in memory.
type appointment struct {
	key
	at    protocol.Timestamp
	since protocol.Timestamp // when it came to memory
	index int
}

func (a *appointment) item() store.Item { return store.Item{At: a.at, ID: a.id, Operation: a.op} }

func newAgenda(p *plans, of store.Agenda, size int, nudge chan struct{}) *agenda {
	of.Owner = p.owner
	return &agenda{
		life: p.life, store: p.store, of: of, size: size, nudge: nudge, byKey: map[key]*appointment{},
		ripe: func(at, now protocol.Timestamp) bool { return at <= now },
	}
}

// set plans an item for a moment; zero takes it off the agenda.
func (a *agenda) set(k key, at, now protocol.Timestamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setLocked(k, at, now)
}

// recall is set of an item that the store has, and that may be missing here.
func (a *agenda) recall(k key, at, now protocol.Timestamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at != 0 && a.byKey[k] == nil {
		a.setLocked(k, at, now)
	}
}

func (a *agenda) setLocked(k key, at, now protocol.Timestamp) {
	item := store.Item{At: at, ID: k.id, Operation: k.op}
	behind := !a.whole && item.Compare(a.end) > 0
	switch {
	case at == 0, a.pastLimit(item), behind && !a.reading:
		if old := a.byKey[k]; old != nil {
			heap.Remove(&a.heap, old.index)
			delete(a.byKey, k)
		}
		return
	case behind:
		a.strays = true
	}
	a.putLocked(k, at, now)
	a.shrinkLocked()
	if len(a.heap) > 0 && a.heap[0].key == k {
		a.wake()
	}
}

// pastLimit reports whether an item belongs to another agenda.
func (a *agenda) pastLimit(item store.Item) bool {
	return a.limit.At != 0 && item.Compare(a.limit) >= 0
}

func (a *agenda) putLocked(k key, at, now protocol.Timestamp) {
	if old := a.byKey[k]; old != nil {
		old.at = at
		heap.Fix(&a.heap, old.index)
		return
	}
	p := &appointment{key: k, at: at, since: now}
	a.byKey[k] = p
	heap.Push(&a.heap, p)
}

// shrinkLocked leaves the later half to the store when memory is full.
func (a *agenda) shrinkLocked() {
	if len(a.heap) <= a.size || a.reading {
		return
	}
	slices.SortFunc(a.heap, func(p, q *appointment) int { return p.item().Compare(q.item()) })
	a.end, a.whole = a.heap[a.size/2-1].item(), false
	a.cutLocked(a.behindWindow)
}

func (a *agenda) behindWindow(p *appointment) bool { return p.item().Compare(a.end) > 0 }

func (a *agenda) cutLocked(out func(*appointment) bool) {
	a.heap = slices.DeleteFunc(a.heap, func(p *appointment) bool {
		if out(p) {
			delete(a.byKey, p.key)
			return true
		}
		return false
	})
	for i, p := range a.heap {
		p.index = i
	}
	heap.Init(&a.heap)
}

func (a *agenda) wake() { nudge(a.nudge) }

// follow makes the agenda that of another owner: whatever is on it is read from the store.
func (a *agenda) follow(owner store.NodeID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of.Owner = owner
	a.turn++
	a.end, a.whole, a.strays = a.first, false, false
	a.restartLocked(false)
	a.cutLocked(func(*appointment) bool { return true })
	a.wake()
}

// planned is how many items are in memory.
func (a *agenda) planned() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.heap)
}

// fail says that an item was lost, or may have been missed: a sweep follows.
func (a *agenda) fail() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failures++; !a.lost {
		a.restartLocked(true)
		a.wake()
	}
}

// extend moves the limit. Items up to it are read from the store.
func (a *agenda) extend(limit store.Item) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.whole && a.limit.Compare(a.end) > 0 {
		a.end = a.limit
	}
	a.limit, a.whole = limit, false
	a.wake()
}

// begin moves the first item, and reports whether one before it was lost.
func (a *agenda) begin(first store.Item) (lost bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	lost = a.lost
	a.first = first
	if a.end.Compare(first) < 0 {
		a.end = first
	}
	a.restartLocked(a.lost)
	a.cutLocked(func(p *appointment) bool { return p.item().Compare(first) < 0 })
	return lost
}

// take removes and returns the first item if its time has come, else how long that will be; idle if there is none.
func (a *agenda) take(now protocol.Timestamp) (item store.Item, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if wait = a.waitLocked(now); wait > 0 {
		return item, wait
	}
	p := heap.Pop(&a.heap).(*appointment)
	delete(a.byKey, p.key)
	return p.item(), 0
}

// wait is how long it is until the time of the first item comes.
func (a *agenda) wait(now protocol.Timestamp) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waitLocked(now)
}

// idle is how long an agenda waits for nothing.
const idle = 24 * time.Hour

func (a *agenda) waitLocked(now protocol.Timestamp) time.Duration {
	switch {
	case len(a.heap) == 0:
		return idle
	case a.ripe(a.heap[0].at, now):
		return 0
	}
	return min(max(a.heap[0].at.Sub(now), time.Millisecond), idle)
}

// behind is how long the first item has waited in memory since its time came.
func (a *agenda) behind(now protocol.Timestamp) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.heap) == 0 || !a.ripe(a.heap[0].at, now) {
		return 0
	}
	return max(0, now.Sub(max(a.heap[0].at, a.heap[0].since)))
}

// idle reports whether there is no item whose time has come, in memory or in the store.
func (a *agenda) idle(now protocol.Timestamp) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.whole && !a.lost && a.waitLocked(now) > 0
}

// late is how long ago the time of the first item came.
func (a *agenda) late(now protocol.Timestamp) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.heap) == 0 {
		return 0
	}
	return now.Sub(a.heap[0].at)
}

// count returns how many items are in memory, and for how many the time has come.
func (a *agenda) count(now protocol.Timestamp) (all, ripe int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.heap {
		if a.ripe(p.at, now) {
			ripe++
		}
	}
	return len(a.heap), ripe
}

type appointments []*appointment

func (h appointments) Len() int           { return len(h) }
func (h appointments) Less(i, j int) bool { return h[i].item().Compare(h[j].item()) < 0 }
func (h appointments) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *appointments) Push(v any) {
	a := v.(*appointment)
	a.index = len(*h)
	*h = append(*h, a)
}
func (h *appointments) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

// prepare reads the items that are needed next from the store, and returns how long they will do.
func (a *agenda) prepare() (enough time.Duration) {
	for a.wantsPage() {
		if err := a.readPage(); err != nil {
			return a.unread(err)
		}
	}
	if wait := a.untilSweep(); wait > 0 {
		return wait
	}
	if err := a.sweepPage(); err != nil {
		return a.unread(err)
	}
	return a.untilSweep()
}

func (a *agenda) unread(err error) time.Duration {
	if !a.closing() {
		a.log.Error("what there is to do could not be read; trying again", "error", err)
	}
	return retryDelay
}

// wantsPage reports whether the window should reach further; if so, a page is being read from now on.
func (a *agenda) wantsPage() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading = !a.whole && len(a.heap) < a.size/4
	return a.reading
}

func (a *agenda) readPage() error {
	a.mu.Lock()
	after, of, turn := a.end, a.of, a.turn
	a.mu.Unlock()
	page, err := a.store.Agenda(a.ctx, of, after, a.size/2)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading = false
	if a.turn != turn {
		return nil // of another owner
	}
	if err == nil {
		a.whole = len(page) < a.size/2
		for _, item := range page {
			if a.pastLimit(item) {
				a.whole = true
				break
			}
			a.end = item
			a.mergeLocked(item, a.now())
		}
	}
	if a.strays && !a.whole {
		a.cutLocked(a.behindWindow)
	}
	a.strays = false
	a.shrinkLocked()
	return err
}

// mergeLocked takes in an item that was read. The earlier moment counts: to look too early does no harm.
func (a *agenda) mergeLocked(item store.Item, now protocol.Timestamp) {
	k := key{item.ID, item.Operation}
	if old := a.byKey[k]; old == nil || item.At < old.at {
		a.putLocked(k, item.At, now)
	}
}

func (a *agenda) untilSweep() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.lost {
		return idle
	}
	return time.Until(a.again)
}

// sweepPage takes in the lost items of a page of the window. The next follows at once, unless items were lost again.
func (a *agenda) sweepPage() error {
	a.mu.Lock()
	after, limit, of, turn := a.swept, a.size/4, a.of, a.turn
	a.mu.Unlock()
	page, err := a.store.Agenda(a.ctx, of, after, limit)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turn != turn {
		return nil // of another owner
	}
	if err != nil {
		a.again = time.Now().Add(retryDelay)
		return err
	}
	now, over := a.now(), len(page) < limit
	for _, item := range page {
		if !a.whole && item.Compare(a.end) > 0 || a.pastLimit(item) {
			over = true
			break
		}
		a.mergeLocked(item, now)
		a.swept = item
	}
	a.again = time.Now()
	if a.failures > a.beforePage {
		a.again = a.again.Add(retryDelay)
	}
	a.beforePage = a.failures
	if over {
		a.restartLocked(a.failures > a.beforeSweep)
	}
	a.shrinkLocked()
	return nil
}

func (a *agenda) restartLocked(need bool) {
	a.lost, a.swept = need, a.first
	a.beforeSweep, a.beforePage = a.failures, a.failures
	if need {
		a.again = time.Now().Add(retryDelay)
	}
}
