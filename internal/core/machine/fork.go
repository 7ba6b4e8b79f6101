package machine

import (
	"github.com/perdure/perdure/protocol"
)

// A fork is a new execution that begins with a part of another one's history. The part ends at places in the code,
// not at a moment: an operation is cut off with all that its context did after it, and the contexts around it open
// again. Other items of the same batch do not depend on it and are kept.
//
// Only events of operations are copied; invocations, checkpoints and pauses were the other execution's. All are
// dated with the fork, the moment at which they happened to the new execution. A wait keeps its end; timeouts of
// callbacks and delays of retries begin anew. Open callbacks and chained invokes belong to the other execution, so
// the new one gets new ids and new children.

// ForkRequest asks for a fork.
type ForkRequest struct {
	// Identity is the new execution's. Fork sets its Origin… members.
	Identity Identity
	// Input replaces the other's event; nil leaves it, an empty one is none.
	Input *string
	// Cuts bound the copy; none copies everything.
	Cuts []Cut
	// CallbackID and Resolve are as in [Checkpoint]. Fork resolves the chained invokes that are open.
	CallbackID func(position int) string
	Resolve    func(*protocol.ChainedInvokeOptions) (*InvokeTarget, *protocol.ErrorObject, error)
}

// Cut ends the copy at an operation, within its context. The contexts around it open again.
type Cut struct {
	// Operation is the id of the operation after or before which the copy ends.
	Operation string
	// Keep copies the operation, too.
	Keep bool
	// Outcome replaces the outcome of a kept operation; nil leaves it.
	Outcome *Outcome
	// Reopen keeps a context with all that it did, but not its end.
	Reopen bool
}

// Outcome is the end of an operation: a payload or, if Error is set, a failure.
type Outcome struct {
	Payload *string
	Error   *protocol.ErrorObject
}

// Fork returns the draft of a copy of x, whose journal holds the records. The copy wants its first invocation at
// once. A cut is refused if it names no operation, or asks for something impossible for the operation's type.
func (x *Execution) Fork(records []Record, req *ForkRequest, now protocol.Timestamp, rules *Rules) (*Draft, error) {
	p := &forkPlan{x: x, fate: make([]fate, len(x.ops)), outcomes: map[int]*Outcome{}}
	for i := range req.Cuts {
		if err := p.cut(&req.Cuts[i]); err != nil {
			return nil, err
		}
	}
	p.spread()
	id := req.Identity
	id.OriginARN, id.OriginOperation = x.identity.ARN.String(), ""
	if len(req.Cuts) > 0 {
		id.OriginOperation = req.Cuts[0].Operation
	}
	input := x.Input()
	if req.Input != nil {
		if input = req.Input; *input == "" {
			input = nil
		}
	}
	c := &copier{forkPlan: p, req: req, d: Start(id, input, now, rules)}
	for i := range records {
		if err := c.copy(&records[i]); err != nil {
			return nil, err
		}
	}
	c.d.emit(Record{Event: protocol.Event{Type: executionForked}})
	return c.d, nil
}

// All returns the cut of a fork that copies nothing; none if there is nothing to copy.
func (x *Execution) All() []Cut {
	if len(x.ops) < 2 {
		return nil
	}
	return []Cut{{Operation: x.ops[1].ID}} // all others came after it
}

// Named returns the id of the operation that a person means: the one with this id, or the only one with this name.
func (x *Execution) Named(word string) (id string, err error) {
	if i := x.index[word]; i > 0 {
		return word, nil
	}
	var found []string
	for _, o := range x.ops[1:] {
		if o.Name == word {
			found = append(found, o.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", protocol.Errorf(protocol.CodeNotFound, "The execution has no operation %s", word)
	case 1:
		return found[0], nil
	}
	return "", invalid("The execution has %d operations called %s, among them %s and %s: one is named by its id",
		len(found), word, found[0], found[1])
}

// fate is what becomes of an operation.
type fate byte

const (
	copied fate = iota
	dropped
	reopened // its end is left out
	edited   // it has another outcome, and nothing below it
)

type forkPlan struct {
	x        *Execution
	fate     []fate
	outcomes map[int]*Outcome // of edited operations
}

func (p *forkPlan) cut(c *Cut) error {
	i, ok := p.x.index[c.Operation]
	if !ok || i == 0 {
		return protocol.Errorf(protocol.CodeNotFound, "The execution has no operation %s", c.Operation)
	}
	o := p.x.ops[i]
	switch {
	case c.Outcome != nil:
		if err := p.checkOutcome(o, c.Outcome); err != nil {
			return err
		}
		p.fate[i], p.outcomes[i] = edited, c.Outcome
	case c.Reopen:
		if o.Type != protocol.TypeContext {
			return invalid("Operation %s is a %s: only a context can be opened again", o.ID, o.Type)
		}
		p.mark(i, reopened)
	case !c.Keep:
		p.mark(i, dropped)
	}
	for ; i >= 0; i = p.x.ops[i].parent {
		p.dropAfter(i)
		if parent := p.x.ops[i].parent; parent >= 0 {
			p.mark(parent, reopened)
		}
	}
	return nil
}

// mark sets an operation's fate, unless a sterner one is set.
func (p *forkPlan) mark(i int, f fate) {
	if p.fate[i] == copied || f == dropped {
		p.fate[i] = f
	}
}

// dropAfter drops the operations that the context of operation i did after it. Items of a batch do not follow each
// other.
func (p *forkPlan) dropAfter(i int) {
	parent := p.x.ops[i].parent
	if parent >= 0 && isBatch(p.x.ops[parent]) {
		return
	}
	for j := i + 1; j < len(p.x.ops); j++ {
		if p.x.ops[j].parent == parent {
			p.mark(j, dropped)
		}
	}
}

// spread drops all below dropped and edited operations, and each open wait for a callback: somebody was told the
// callback's id in the other execution, so the wait begins anew.
func (p *forkPlan) spread() {
	for i, o := range p.x.ops {
		if o.Type != protocol.TypeCallback || o.Status.Closed() || p.fate[i] != copied || o.parent < 0 {
			continue
		}
		if within := p.x.ops[o.parent]; within.SubType == protocol.SubTypeWaitForCallback &&
			p.fate[o.parent] != edited {
			p.mark(o.parent, dropped)
		}
	}
	for i, o := range p.x.ops {
		if o.parent >= 0 && (p.fate[o.parent] == dropped || p.fate[o.parent] == edited) {
			p.fate[i] = dropped
		}
	}
}

// isBatch reports whether the contexts in o run beside each other. SDKs of all languages say so in the subtype.
func isBatch(o *operation) bool {
	switch o.SubType {
	case protocol.SubTypeMap, protocol.SubTypeParallel, protocol.SubTypeDag:
		return true
	}
	return false
}

func (p *forkPlan) checkOutcome(o *operation, out *Outcome) error {
	rules := p.x.rules
	switch {
	case out.Payload != nil && out.Error != nil:
		return invalid("Operation %s cannot have both a result and an error", o.ID)
	case o.Type == protocol.TypeWait && (out.Payload != nil || out.Error != nil):
		return invalid("Operation %s is a wait, which ends without a result", o.ID)
	case out.Payload != nil && len(*out.Payload) > rules.maxPayload():
		return invalid("The result of operation %s must be at most %d bytes long", o.ID, rules.maxPayload())
	case out.Error.Size() > rules.maxError():
		return invalid("The error of operation %s must be at most %d bytes long", o.ID, rules.maxError())
	}
	return nil
}

type copier struct {
	*forkPlan
	req *ForkRequest
	d   *Draft
}

// copy copies a record if it is about an operation that is kept.
func (c *copier) copy(r *Record) (err error) {
	if meaning(r.Type).Status == "" {
		return nil
	}
	i := c.x.index[r.OpID]
	begun := c.d.find(r.OpID) >= 0
	switch fate := c.fate[i]; {
	case fate == dropped || fate == reopened && r.Type != protocol.EventContextStarted:
	case fate == edited:
		if !begun {
			err = c.begin(r, true)
			c.end(i)
		}
	case !begun:
		err = c.begin(r, c.x.ops[i].Status.Closed())
	default:
		c.again(*r)
	}
	return err
}

func (c *copier) again(r Record) {
	r.Event.ID = 0
	c.d.emit(r)
}

// begin copies the first record of an operation.
func (c *copier) begin(r *Record, closed bool) error {
	switch {
	case r.Type == protocol.EventCallbackStarted && !closed:
		fresh := *r
		fresh.CallbackID = c.req.CallbackID(len(c.d.x.ops) + len(c.d.added))
		c.again(fresh)
	case r.Type == protocol.EventChainedInvokeStarted && !closed:
		return c.d.startInvoke(&protocol.Update{
			ID: r.OpID, Name: r.Name, ParentID: r.ParentID, SubType: r.SubType, Payload: r.Payload,
			ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: r.FunctionName, TenantID: r.TenantID,
				XAmznTraceID: r.TraceHeader},
		}, c.req.Resolve)
	case endsAttempt(meaning(r.Type)):
		// A step without a recorded start. An edited outcome begins it by itself.
		if c.fate[c.x.index[r.OpID]] != edited {
			c.again(*r)
		}
	default:
		c.again(*r)
	}
	return nil
}

// end records the edited outcome of operation i.
func (c *copier) end(i int) {
	o, out, status := c.x.ops[i], c.outcomes[i], protocol.StatusSucceeded
	if out.Error != nil {
		status = protocol.StatusFailed
	}
	r := Record{Event: protocol.Event{
		Type: protocol.EventOf(o.Type, status), OpID: o.ID, Name: o.Name, ParentID: o.ParentID, SubType: o.SubType,
		Payload: out.Payload, Error: out.Error,
	}}
	switch o.Type {
	case protocol.TypeStep:
		r.CurrentAttempt = 1
	case protocol.TypeWait:
		r.Duration = o.waitSeconds
	}
	c.d.emit(r)
}

// applyFork folds the end of the copying: the function knows the copied records, so they are not news.
func (d *Draft) applyFork() {
	d.news = d.news[:1]
	d.telling++
}
