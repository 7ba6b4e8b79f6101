package machine

import (
	"slices"

	"github.com/perdure/perdure/internal/wire"
)

// Fence is what a checkpoint token stands for. It is valid while it equals
// [Execution.Fence] and an invocation is in flight.
type Fence struct {
	Invocation int64
	Seq        int64
}

// Checkpoint is one checkpoint request whose members have the right shape.
type Checkpoint struct {
	Fence       Fence
	ClientToken string // empty if the client sent none
	Updates     []wire.Update

	// CallbackID mints the id of the callback at a position.
	CallbackID func(position int) string
	// Resolve finds the target of a chained invoke. An error object fails
	// the operation, an error refuses the checkpoint.
	Resolve func(*wire.ChainedInvokeOptions) (*InvokeTarget, *wire.ErrorObject, error)
}

// Reply answers a checkpoint.
type Reply struct {
	// Fence is what the next token stands for.
	Fence Fence
	// Final says that the invocation must not checkpoint again, because the
	// execution closes, or pauses: there is no next token.
	Final bool
	// Operations are the records that changed since the function was last
	// told, each once. They are snapshots.
	Operations []*wire.Operation

	inbound     Fence
	clientToken string
}

// repeats reports whether req is the request that r answered. A reply without a
// token is never repeated.
func (r *Reply) repeats(req *Checkpoint) bool {
	return r != nil && !r.Final && req.ClientToken != "" && r.clientToken == req.ClientToken && r.inbound == req.Fence
}

// Checkpoint applies a checkpoint, all of it or, if it is refused, nothing. The
// repeat of an accepted request, known by its client token, returns the
// original reply and records nothing.
//
// A checkpoint with which the execution exceeds a quota is accepted, and closes
// it.
//
// Timers that are due are applied first, so that the reply brings them.
func (d *Draft) Checkpoint(req *Checkpoint) (*Reply, error) {
	reply, err := d.checkpoint(req)
	if err != nil {
		*d = *d.x.Draft(d.now)
	}
	return reply, err
}

func (d *Draft) checkpoint(req *Checkpoint) (*Reply, error) {
	if d.reply.repeats(req) {
		return d.reply, nil
	}
	if !d.Current(req.Fence) {
		return nil, StaleToken()
	}
	d.FireTimers()
	if d.status.Closed() { // it timed out
		return nil, StaleToken()
	}
	if err := checkBatch(req.Updates); err != nil {
		return nil, err
	}
	d.records = slices.Grow(d.records, len(req.Updates)+1)
	for i := range req.Updates {
		if d.exceed() {
			break // what follows is of no consequence any more
		}
		if err := d.update(req, &req.Updates[i]); err != nil {
			return nil, err
		}
	}
	d.exceed()
	interrupt := d.status == wire.ExecutionPausing && d.closing == ""
	d.emit(Record{Event: wire.Event{Type: checkpointAccepted}, ClientToken: req.ClientToken, Interrupted: interrupt})
	if interrupt {
		d.beginPause()
	}
	return d.reply, nil
}

// StaleToken is the refusal of a checkpoint token that is not the current one.
func StaleToken() error { return wire.Errorf(wire.CodeInvalidParameter, wire.StaleTokenMessage) }

func invalid(format string, args ...any) error {
	return wire.Errorf(wire.CodeInvalidParameter, format, args...)
}

// checkBatch applies the rules about a batch as a whole.
func checkBatch(updates []wire.Update) error {
	executions := 0
	for i := range updates {
		executions += count(updates[i].Type == wire.TypeExecution)
	}
	if executions > 1 {
		return invalid("Cannot checkpoint multiple EXECUTION updates.")
	}
	if executions == 1 && updates[len(updates)-1].Type != wire.TypeExecution {
		return invalid("EXECUTION checkpoint must be the last update.")
	}
	return checkRepeats(updates)
}

// checkRepeats allows an operation twice in a batch only as the START of a
// step or context and then its end.
func checkRepeats(updates []wire.Update) error {
	if len(updates) < 2 {
		return nil
	}
	last := make(map[string]*wire.Update, len(updates))
	for i := range updates {
		u := &updates[i]
		if u.Type == wire.TypeExecution { // its id is arbitrary
			continue
		}
		if before := last[u.ID]; before != nil && !(before.Action == wire.ActionStart && before.Type == u.Type && ends(u)) {
			return invalid("Cannot update the same operation twice in a single request.")
		}
		last[u.ID] = u
	}
	return nil
}

// ends reports whether u ends an attempt or a context that the same batch started.
func ends(u *wire.Update) bool {
	switch u.Action {
	case wire.ActionSucceed, wire.ActionFail:
		return u.Type == wire.TypeStep || u.Type == wire.TypeContext
	case wire.ActionRetry:
		return u.Type == wire.TypeStep
	}
	return false
}

// update validates and applies one update of a batch, in the service's order
// of checks: parent, consistency, size, action, transition.
func (d *Draft) update(req *Checkpoint, u *wire.Update) error {
	if u.Type == wire.TypeExecution {
		return d.updateExecution(u)
	}
	if err := d.checkParent(u); err != nil {
		return err
	}
	i := d.find(u.ID)
	var o *operation // nil: it does not exist
	if i >= 0 {
		o = d.op(i)
		if err := d.checkConsistent(o, u); err != nil {
			return err
		}
	}
	if err := d.checkSize(u); err != nil {
		return err
	}
	switch u.Type {
	case wire.TypeContext:
		return d.updateContext(o, u)
	case wire.TypeStep:
		return d.updateStep(o, u)
	case wire.TypeWait:
		return d.updateWait(o, u)
	case wire.TypeCallback:
		return d.updateCallback(o, u, req.CallbackID)
	case wire.TypeChainedInvoke:
		return d.updateInvoke(o, u, req.Resolve)
	}
	return invalid("Unknown operation type.")
}

func (d *Draft) checkParent(u *wire.Update) error {
	if u.ParentID == "" {
		return nil
	}
	i := d.find(u.ParentID)
	if i < 0 || d.op(i).Type != wire.TypeContext {
		return invalid("Invalid parent operation id.")
	}
	return nil
}

// checkConsistent compares what the update repeats of the record.
func (d *Draft) checkConsistent(o *operation, u *wire.Update) error {
	switch {
	case o.Type != u.Type:
		return invalid("Inconsistent operation type.")
	case u.SubType != "" && o.SubType != u.SubType:
		return invalid("Inconsistent operation subtype.")
	case u.Name != "" && o.Name != u.Name:
		return invalid("Inconsistent operation name.")
	case u.ParentID != "" && o.ParentID != u.ParentID:
		return invalid("Inconsistent parent operation id.")
	}
	return nil
}

func (d *Draft) checkSize(u *wire.Update) error {
	rules := d.x.rules
	if u.Payload != nil && len(*u.Payload) > rules.maxPayload() {
		direction := "output"
		if u.Type == wire.TypeChainedInvoke {
			direction = "input"
		}
		return invalid("%s %s payload size must be less than or equal to %d bytes.", u.Type, direction, rules.maxPayload())
	}
	return d.checkError(u.Error)
}

// updateExecution takes the function's final result. The execution closes for
// its tokens now, and for everybody else when the invocation ends.
func (d *Draft) updateExecution(u *wire.Update) error {
	r := Record{Event: wire.Event{Type: executionClosing, Payload: u.Payload, Error: u.Error}}
	switch u.Action {
	case wire.ActionSucceed:
		if u.Error != nil {
			return invalid("Cannot provide an Error for SUCCEED action.")
		}
		r.Status = wire.ExecutionSucceeded
	case wire.ActionFail:
		if u.Payload != nil {
			return invalid("Cannot provide a Payload for FAIL action.")
		}
		r.Status = wire.ExecutionFailed
	default:
		return invalid("Invalid EXECUTION action.")
	}
	if err := d.checkExecutionSize(u); err != nil {
		return err
	}
	d.emit(r)
	return nil
}

func (d *Draft) checkExecutionSize(u *wire.Update) error {
	if n := d.maxResult(); u.Payload != nil && len(*u.Payload) > n {
		return invalid("Execution output payload size must be less than or equal to %d bytes.", n)
	}
	return d.checkError(u.Error)
}

// checkError refuses an error object that is too large; nil is none.
func (d *Draft) checkError(e *wire.ErrorObject) error {
	if n := d.x.rules.maxError(); e.Size() > n {
		return invalid("Error object size must be less than or equal to %d bytes.", n)
	}
	return nil
}
