package machine

import (
	"slices"

	"github.com/perdure/perdure/protocol"
)

// Fence is the content of a checkpoint token. It is valid while it equals [Execution.Fence] and an invocation is in
// flight.
type Fence struct {
	Invocation int64
	Seq        int64
}

// Checkpoint is a checkpoint request whose members have the right shape.
type Checkpoint struct {
	Fence       Fence
	ClientToken string // empty if the client sent none
	Updates     []protocol.Update

	// CallbackID mints the id of the callback at a position.
	CallbackID func(position int) string
	// Resolve finds the target of a chained invoke. An error object fails the operation; an error refuses the
	// checkpoint.
	Resolve func(*protocol.ChainedInvokeOptions) (*InvokeTarget, *protocol.ErrorObject, error)
}

// Reply answers a checkpoint.
type Reply struct {
	Fence Fence
	// Final: the execution closes or pauses, so there is no next token, and the invocation must not checkpoint
	// again.
	Final bool
	// Operations are snapshots of the operations that changed since the last reply, each once.
	Operations []*protocol.Operation

	inbound     Fence
	clientToken string
}

func (r *Reply) repeats(req *Checkpoint) bool {
	return r != nil && !r.Final && req.ClientToken != "" && r.clientToken == req.ClientToken && r.inbound == req.Fence
}

// Checkpoint applies a checkpoint as a whole, or refuses it and changes nothing. A repeat of an accepted request,
// known by its client token, gets the original reply and records nothing.
//
// A checkpoint that exceeds a quota of the execution is accepted, and closes the execution.
//
// Timers that are due fire first, so that the reply brings them.
func (d *Draft) Checkpoint(req *Checkpoint) (*Reply, error) {
	reply, err := d.checkpoint(req)
	if err != nil {
		x, now := d.x, d.now
		d.reset()
		d.state, d.x, d.now = x.state, x, now
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
			break // the rest has no effect now
		}
		if err := d.update(req, &req.Updates[i]); err != nil {
			return nil, err
		}
	}
	d.exceed()
	interrupt := d.status == protocol.ExecutionPausing && d.closing == ""
	d.emit(Record{Event: protocol.Event{Type: checkpointAccepted}, ClientToken: req.ClientToken,
		Interrupted: interrupt, Empty: len(req.Updates) == 0})
	if interrupt {
		d.beginPause()
	}
	return d.reply, nil
}

// StaleToken is the refusal of a checkpoint token that is not the current one.
func StaleToken() error {
	return protocol.Errorf(protocol.CodeInvalidParameter, protocol.StaleTokenMessage)
}

func invalid(format string, args ...any) error {
	return protocol.Errorf(protocol.CodeInvalidParameter, format, args...)
}

// checkBatch applies the rules for a batch as a whole.
func checkBatch(updates []protocol.Update) error {
	executions := 0
	for i := range updates {
		executions += count(updates[i].Type == protocol.TypeExecution)
	}
	if executions > 1 {
		return invalid("Cannot checkpoint multiple EXECUTION updates.")
	}
	if executions == 1 && updates[len(updates)-1].Type != protocol.TypeExecution {
		return invalid("EXECUTION checkpoint must be the last update.")
	}
	return checkRepeats(updates)
}

// checkRepeats allows an operation twice in a batch only as a step's or context's START and then its end.
func checkRepeats(updates []protocol.Update) error {
	if len(updates) < 2 {
		return nil
	}
	last := make(map[string]*protocol.Update, len(updates))
	for i := range updates {
		u := &updates[i]
		if u.Type == protocol.TypeExecution { // its id is arbitrary
			continue
		}
		if before := last[u.ID]; before != nil &&
			!(before.Action == protocol.ActionStart && before.Type == u.Type && ends(u)) {
			return invalid("Cannot update the same operation twice in a single request.")
		}
		last[u.ID] = u
	}
	return nil
}

// ends reports whether u ends an attempt or a context that the same batch started.
func ends(u *protocol.Update) bool {
	switch u.Action {
	case protocol.ActionSucceed, protocol.ActionFail:
		return u.Type == protocol.TypeStep || u.Type == protocol.TypeContext
	case protocol.ActionRetry:
		return u.Type == protocol.TypeStep
	}
	return false
}

// update validates and applies one update. It checks in the service's order: parent, consistency, size, action,
// transition.
func (d *Draft) update(req *Checkpoint, u *protocol.Update) error {
	if u.Type == protocol.TypeExecution {
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
	case protocol.TypeContext:
		return d.updateContext(o, u)
	case protocol.TypeStep:
		return d.updateStep(o, u)
	case protocol.TypeWait:
		return d.updateWait(o, u)
	case protocol.TypeCallback:
		return d.updateCallback(o, u, req.CallbackID)
	case protocol.TypeChainedInvoke:
		return d.updateInvoke(o, u, req.Resolve)
	}
	return invalid("Unknown operation type.")
}

func (d *Draft) checkParent(u *protocol.Update) error {
	if u.ParentID == "" {
		return nil
	}
	i := d.find(u.ParentID)
	if i < 0 || d.op(i).Type != protocol.TypeContext {
		return invalid("Invalid parent operation id.")
	}
	return nil
}

// checkConsistent refuses an update that contradicts the operation's record.
func (d *Draft) checkConsistent(o *operation, u *protocol.Update) error {
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

func (d *Draft) checkSize(u *protocol.Update) error {
	rules := d.x.rules
	if u.Payload != nil && len(*u.Payload) > rules.maxPayload() {
		direction := "output"
		if u.Type == protocol.TypeChainedInvoke {
			direction = "input"
		}
		return invalid("%s %s payload size must be less than or equal to %d bytes.", u.Type, direction,
			rules.maxPayload())
	}
	return d.checkError(u.Error)
}

// updateExecution takes the function's final result. From now on the execution is closed for its tokens; for
// everybody else it closes when the invocation ends.
func (d *Draft) updateExecution(u *protocol.Update) error {
	r := Record{Event: protocol.Event{Type: executionClosing, Payload: u.Payload, Error: u.Error}}
	switch u.Action {
	case protocol.ActionSucceed:
		if u.Error != nil {
			return invalid("Cannot provide an Error for SUCCEED action.")
		}
		r.Status = protocol.ExecutionSucceeded
	case protocol.ActionFail:
		if u.Payload != nil {
			return invalid("Cannot provide a Payload for FAIL action.")
		}
		r.Status = protocol.ExecutionFailed
	default:
		return invalid("Invalid EXECUTION action.")
	}
	if err := d.checkExecutionSize(u); err != nil {
		return err
	}
	d.emit(r)
	return nil
}

func (d *Draft) checkExecutionSize(u *protocol.Update) error {
	if n := d.maxResult(); u.Payload != nil && len(*u.Payload) > n {
		return invalid("Execution output payload size must be less than or equal to %d bytes.", n)
	}
	return d.checkError(u.Error)
}

// checkError refuses an error object that is too large.
func (d *Draft) checkError(e *protocol.ErrorObject) error {
	if n := d.x.rules.maxError(); e.Size() > n {
		return invalid("Error object size must be less than or equal to %d bytes.", n)
	}
	return nil
}
