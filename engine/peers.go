package engine

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Any node answers any request. What only another node can do, such as a call of a function that does not run here, is
// an [ElsewhereError], by which whoever speaks HTTP passes the request on. The other node has to know that a node
// did that, and not a client: so nodes vouch for what they pass on, with the key that their store keeps.

// ElsewhereError says that other nodes of the fleet can do what was asked, and this one cannot. It wraps the refusal
// for those who cannot ask another node.
type ElsewhereError struct {
	Nodes   []Node // the others, in the order in which to ask them
	refusal error
}

func (e *ElsewhereError) Error() string { return e.refusal.Error() }

// Unwrap returns the refusal, a *[protocol.Error].
func (e *ElsewhereError) Unwrap() error { return e.refusal }

// NodeID is the id of this node, as in [Node.ID]. It is empty without a fleet, and while the node has no lease.
func (e *Engine) NodeID() string {
	if id := e.fleet.self(); id > 0 {
		return nodeName(id)
	}
	return ""
}

// Elsewhere returns an [*ElsewhereError] with the other living nodes that can do what was asked, in random order; nil
// if there are none. The refusal is for those who cannot ask another node.
func (e *Engine) Elsewhere(ctx context.Context, can func(*Node) bool, refusal *protocol.Error) error {
	return e.fleet.elsewhere(ctx, can, refusal)
}

// elsewhere asks what the last beat told, and then the store, as a node may have come since.
func (m *membership) elsewhere(ctx context.Context, can func(*Node) bool, refusal *protocol.Error) error {
	if m.alone() {
		return nil
	}
	var able []Node
	look := func(nodes []Node) {
		for _, n := range nodes {
			if n.Alive && !n.Self && can(&n) {
				able = append(able, n)
			}
		}
	}
	if known := m.known.Load(); known != nil {
		look(*known)
	}
	if len(able) == 0 {
		census, err := m.store.Nodes(ctx)
		if err != nil {
			return err
		}
		look(nodesOf(census, m.self()))
	}
	if len(able) == 0 {
		return nil
	}
	rand.Shuffle(len(able), func(i, j int) { able[i], able[j] = able[j], able[i] })
	return &ElsewhereError{able, refusal}
}

// Here returns nil if this node can run the function version that a reference names, or no other node can. Else it
// returns an [*ElsewhereError]. An unknown function is a ResourceNotFoundException.
func (fs *Functions) Here(ctx context.Context, ref, qualifier string) error {
	if err := fs.documents.fresh(ctx); err != nil {
		return err
	}
	t, err := fs.lookup(ref, qualifier, primary)
	if err != nil {
		return err
	}
	return fs.fleet.elsewhereOnly(ctx, t.function)
}

// cannotRun reports whether a function version cannot run at this node now, but perhaps at another one.
func (f *function) cannotRun() bool {
	return f.remote || !present(f)
}

// ranElsewhere reports whether only other nodes can run a function version, by what the last beat told.
func (m *membership) ranElsewhere(f *function) bool {
	known := m.known.Load()
	return f.cannotRun() && known != nil && slices.ContainsFunc(*known, func(n Node) bool {
		return n.Alive && !n.Self && !n.Draining && n.places(f) >= 0
	})
}

// elsewhereOnly returns an [*ElsewhereError] if other nodes can run a function version and this one cannot.
func (m *membership) elsewhereOnly(ctx context.Context, f *function) error {
	if m.alone() || !f.cannotRun() {
		return nil
	}
	refusal := protocol.Errorf(protocol.CodeNotReady, "Function %s runs on other nodes of the fleet: "+
		"call one of them, or start this one with it.", f.Name)
	err := m.elsewhere(ctx, func(n *Node) bool { return !n.Draining && n.places(f) > 0 }, refusal)
	if err == nil && f.remote { // they may have places in a moment
		err = m.elsewhere(ctx, func(n *Node) bool { return !n.Draining && n.places(f) == 0 }, refusal)
	}
	if err == nil && f.remote { // not any more
		return refusal
	}
	return err
}

// places is the node's share of the concurrency of f; -1 if it cannot run that.
func (n *Node) places(f *function) int {
	for _, runs := range n.Functions {
		if runs.Name == f.Name && runs.Version == f.Version {
			return runs.Concurrency
		}
	}
	return -1
}

// attachable are those of a node's functions to which workers attach.
func attachable(all []*function) (names []string) {
	for _, f := range all {
		if _, waits := f.Invoker.(Awaiter); waits && !f.draining {
			names = append(names, f.Name)
		}
	}
	return names
}

// vouchTime is how long a node's word counts: the time that a request takes from one node to another.
const vouchTime = time.Minute

// Vouch returns a proof, of printable ASCII, that a node of this fleet has seen text just now; see [Engine.Vouched].
func (e *Engine) Vouch(text string) string {
	at := strconv.FormatInt(int64(e.life.now()), 36)
	return at + "." + e.seals.vouch(at+"."+text)
}

// Vouched reports whether proof is a node's word for text, from the last minute by the fleet's clock.
func (e *Engine) Vouched(text, proof string) bool {
	at, mac, _ := strings.Cut(proof, ".")
	if !hmac.Equal([]byte(mac), []byte(e.seals.vouch(at+"."+text))) {
		return false
	}
	ms, err := strconv.ParseInt(at, 36, 64)
	age := e.life.now().Time().Sub(protocol.Timestamp(ms).Time())
	return err == nil && age.Abs() < vouchTime
}

// vouch is the MAC of a text for which a node vouches.
func (s seals) vouch(text string) string {
	m := s.signers.Get().(*signer)
	defer s.signers.Put(m)
	b := append(append(m.buf[:0], kindVouch), text...)
	return base64.RawURLEncoding.EncodeToString(m.sign(b)[len(b):])
}
