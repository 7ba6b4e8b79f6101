package engine

import (
	"context"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// In a fleet, other nodes publish versions, move aliases and delete functions, too. The documents tell, and the number of
// their revision says whether they are still the same: whoever starts or describes something asks for it first. Changes
// take turns in the whole fleet, each on documents that were just read.
//
// Functions that only other nodes have registered are known from what these tell of themselves: executions of them can
// be started anywhere.

// unknownRevision is never that of documents.
const unknownRevision = -1

// fresh returns when what is known of functions is as new as the call.
func (fs *Functions) fresh(ctx context.Context) error {
	if fs.fleet.alone() {
		return nil
	}
	return fs.asking.ask(ctx, func() error {
		revision, err := fs.fleet.store.DocumentsRevision(fs.ctx)
		if err != nil || revision == fs.revision.Load() {
			return err
		}
		fs.editing.Lock()
		defer fs.editing.Unlock()
		return fs.reload(fs.ctx)
	})
}

// moved reads the documents again in the background, unless they have this revision.
func (fs *Functions) moved(revision int64) {
	if revision == fs.revision.Load() || fs.closing() {
		return
	}
	fs.work.Go(func() {
		if err := fs.fresh(fs.ctx); err != nil && !fs.closing() {
			fs.log.Debug("functions could not be read again", "error", err)
		}
	})
}

// edit changes published versions and aliases: nobody else does meanwhile, and what is known of them is new.
func (fs *Functions) edit(ctx context.Context, change func(ctx context.Context) error) error {
	fs.editing.Lock()
	defer fs.editing.Unlock()
	if fs.fleet.alone() {
		return change(ctx)
	}
	err := fs.fleet.store.Exclusively(ctx, func(ctx context.Context) error {
		if err := fs.reload(ctx); err != nil {
			return err
		}
		return change(ctx)
	})
	fs.fleet.hints.tell(hintFunctions)
	return err
}

// reload reads all documents. fs.editing is held.
func (fs *Functions) reload(ctx context.Context) error {
	revision, err := fs.fleet.store.DocumentsRevision(ctx)
	if err != nil || revision == fs.revision.Load() {
		return err
	}
	k, err := fs.readDocuments(ctx)
	if err != nil {
		return err
	}
	fs.learn(k)
	fs.revision.Store(revision)
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
		case f.Invoker != nil || f.remote == there:
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

// tidy forgets versions that have drained.
func (fs *Functions) tidy() {
	for _, f := range fs.all() {
		if f.draining && !fs.closing() {
			fs.forget(f.Name, f.Version)
		}
	}
}

// settledAfter is how long after a version was deleted each node has heard of it, or is dead: none starts anything on
// that version from then on.
func (fs *Functions) settledAfter() time.Duration {
	if fs.fleet.alone() || !fs.fleet.others.Load() {
		return 0
	}
	return 2 * fs.fleet.options.Lease
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
