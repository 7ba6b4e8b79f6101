package machine

import (
	"slices"

	"github.com/perdure/perdure/protocol"
)

// keptActs is how many tokens of acts an execution remembers.
const keptActs = 16

// Acted reports whether an act with this token was accepted before, as far as the execution remembers: of the last 16
// acts with tokens. An empty token is none.
func (s *state) Acted(token string) bool { return token != "" && slices.Contains(s.acts, token) }

// KeepAct remembers the token of an act in the entry of what it did, so that the repeat of an act whose answer got lost
// is known. It belongs after an input that was accepted. An empty token is not kept.
func (d *Draft) KeepAct(token string) {
	if token != "" {
		d.emit(Record{Event: protocol.Event{Type: acted}, ClientToken: token})
	}
}

// applyAct folds a kept token. Drafts share the list, so it is not changed in place.
func (d *Draft) applyAct(r *Record) {
	d.acts = slices.Concat(d.acts[max(0, len(d.acts)+1-keptActs):], []string{r.ClientToken})
}
