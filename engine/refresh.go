package engine

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// In a fleet, other nodes publish versions, move aliases and delete functions, too. The documents tell, and the
// number of their revision says whether they are still the same: whoever starts or describes something asks for it
// first. Changes take turns in the whole fleet, each on documents that were just read.
//
// Functions that only other nodes have registered are known from what these tell of themselves: executions of them
// can be started anywhere.

// unknownRevision is never that of documents.
const unknownRevision = -1

// documents are those that the store has of functions, and what of them is known here.
type documents struct {
	*life
	store     store.Store
	fleet     *membership
	functions *Functions

	// editing makes changes of published versions and aliases take turns, also with reading them. It is taken before
	// the lock of functions.
	editing sync.Mutex
	// mine: this node is in edit, and has read all, so what is known here is what there is.
	mine     atomic.Bool
	revision atomic.Int64 // of the documents that were read last; counts in a fleet
	asking   asking
}

// load reads the documents, before anybody else has the engine.
func (d *documents) load(ctx context.Context) error {
	d.revision.Store(unknownRevision)
	if !d.fleet.alone() {
		return d.reload(ctx)
	}
	k, err := d.read(ctx)
	if err == nil {
		d.functions.learn(k)
	}
	return err
}

// fresh returns when what is known of functions is as new as the call.
func (d *documents) fresh(ctx context.Context) error {
	if d.fleet.alone() {
		return nil
	}
	err := d.asking.ask(ctx, func() error {
		revision, err := d.fleet.store.DocumentsRevision(d.ctx)
		if err != nil || revision == d.revision.Load() || d.mine.Load() {
			return err
		}
		d.editing.Lock()
		defer d.editing.Unlock()
		return d.reload(d.ctx)
	})
	if err != nil && d.closing() {
		return closed()
	}
	return err
}

// moved reads the documents again in the background, unless they have this revision.
func (d *documents) moved(revision int64) {
	if revision == d.revision.Load() || d.closing() {
		return
	}
	d.work.Go(func() {
		if err := d.fresh(d.ctx); err != nil && !d.closing() {
			d.log.Debug("functions could not be read again", "error", err)
		}
	})
}

// edit changes published versions and aliases: nobody else does meanwhile, and what is known of them is new.
func (d *documents) edit(ctx context.Context, change func(ctx context.Context) error) error {
	if d.fleet.alone() {
		d.editing.Lock()
		defer d.editing.Unlock()
		return change(ctx)
	}
	err := d.fleet.store.Exclusively(ctx, func(ctx context.Context) error {
		d.editing.Lock()
		defer d.editing.Unlock()
		if err := d.reload(ctx); err != nil {
			return err
		}
		d.mine.Store(true)
		defer d.mine.Store(false)
		return change(ctx)
	})
	d.fleet.hints.tell(hintFunctions)
	return err
}

// reload reads all documents, unless they are known. d.editing is held.
func (d *documents) reload(ctx context.Context) error {
	revision, err := d.fleet.store.DocumentsRevision(ctx)
	if err != nil || revision == d.revision.Load() {
		return err
	}
	k, err := d.read(ctx)
	if err != nil {
		return err
	}
	d.functions.learn(k)
	d.revision.Store(revision)
	return nil
}

// elsewhere takes over which functions other living nodes can run.
func (fs *Functions) elsewhere(node store.NodeID, nodes []store.Node) {
	theirs := map[qualified]*Function{}
	for i := range nodes {
		n := &nodes[i]
		if !n.Alive || n.ID == node {
			continue
		}
		info := readInfo(n)
		for _, f := range info.Functions {
			theirs[qualified{f.Name, f.Version}] = info.settings(f)
		}
	}
	for _, f := range fs.all() {
		settings, there := theirs[qualified{f.Name, f.Version}]
		delete(theirs, qualified{f.Name, f.Version})
		switch {
		case f.Invoker != nil || f.remote == there && (f.image != nil || f.hasSettings(settings)):
		case f.image == nil && !there:
			fs.remove(f)
		default:
			remote := *f
			remote.remote = there
			if f.image == nil {
				remote.Function = *settings
			}
			fs.replace(f, &remote)
		}
	}
	for _, settings := range theirs {
		if settings != nil {
			f := newFunction(*settings)
			f.remote = true
			fs.replace(nil, f)
		}
	}
}

// hasSettings reports whether a function has these settings already; nil are none.
func (f *function) hasSettings(s *Function) bool {
	if s == nil {
		return true
	}
	mine, theirs := f.settings(), (&function{Function: *s}).settings()
	mine.Description, theirs.Description = "", ""
	return bytes.Equal(encodeDocument(&mine), encodeDocument(&theirs))
}

// settings are those of a function that a node has registered; nil for a published version, which has a document.
func (info *nodeInfo) settings(f NodeFunction) *Function {
	s, ok := info.Settings[f.Name]
	if !ok || f.Version != protocol.LatestVersion {
		return nil
	}
	s.Name, s.Version = f.Name, f.Version
	s.setDefaults()
	if checkSettings(&s, false) != nil {
		return nil
	}
	return &s
}

// registered are the settings of the functions that this node has registered, for the others.
func (fs *Functions) registered() map[string]Function {
	all := map[string]Function{}
	for _, f := range fs.all() {
		if f.Invoker != nil && f.image == nil && f.Version == protocol.LatestVersion && !f.draining {
			s := f.settings()
			s.Description = ""
			all[f.Name] = s
		}
	}
	return all
}

// asking answers many who ask the same by asking once: each gets an answer to a question that was put after the call.
type asking struct {
	turn sync.Mutex // held while a question is put
	mu   sync.Mutex
	next *question // has not been put yet
}

type question struct {
	done chan struct{}
	err  error
}

func (a *asking) ask(ctx context.Context, put func() error) error {
	a.mu.Lock()
	q := a.next
	if q == nil {
		q = &question{done: make(chan struct{})}
		a.next = q
		go a.put(q, put)
	}
	a.mu.Unlock()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *asking) put(q *question, put func() error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	a.next = nil
	a.mu.Unlock()
	q.err = put()
	close(q.done)
}
