package durabletest

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/protocol"
)

// client gives the handler the engine without HTTP between them, and has its hand in the bodies of steps.
type client struct{ x *Execution }

// Checkpoint implements [durable.Client].
func (c client) Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	s, f := c.x.stage, &c.x.flight
	if f.due(req.Updates, before) {
		s.kill(kill)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := c.suffer(ctx, s.visit(recordBegins, 0, recordPlaces("before", req.Updates)...)); err != nil {
		return nil, err
	}
	forgets := c.forget(req)
	reply, err := inprocess.Client{Engine: c.x.engine}.Checkpoint(ctx, c.x.stubs.atHome(req))
	if err != nil {
		return nil, err
	}
	c.x.ghost.Store(&engine.CheckpointRequest{ARN: req.ExecutionARN, Token: reply.Token})
	s.recorded(req.Updates)
	if forgets || f.due(req.Updates, after) {
		s.kill(kill)
		return nil, inprocess.ErrCrashed
	}
	if err := c.suffer(ctx, s.visit(recordEnds, 0, recordPlaces("after", req.Updates)...)); err != nil {
		return nil, err
	}
	return reply, nil
}

// haunt has the process of the invocation before, which may be cut off and still alive, checkpoint once more.
func (x *Execution) haunt(ctx context.Context, arn string) {
	ghost := x.ghost.Load()
	if ghost == nil || ghost.ARN != arn || ghost.Token == "" || !x.stage.exploring {
		return
	}
	if _, err := x.engine.Checkpoint(ctx, ghost); err == nil {
		x.stage.blame("the service accepted a checkpoint of the invocation before, which has ended")
	}
}

// recordPlaces are the names of the moment before or after a checkpoint: one for each of its updates.
func recordPlaces(side string, updates []protocol.Update) (places []place) {
	if len(updates) == 0 {
		return []place{place(side + " poll")}
	}
	for i := range updates {
		u := &updates[i]
		places = append(places, place(side+" "+string(u.Action)+" "+operationName(u.ID, u.Name)))
	}
	return places
}

var errConnection = errors.New("read: connection reset by peer")

// suffer is what a fault does to a call of the service: its error, or nil if the call goes on.
func (c client) suffer(ctx context.Context, w what) error {
	switch w {
	case kill, deploy:
		c.x.stage.kill(w)
		return inprocess.ErrCrashed
	case timeout:
		<-ctx.Done()
		c.x.stage.die()
		return context.Cause(ctx)
	case refused, lost:
		return errConnection
	case throttled:
		return protocol.Errorf(protocol.CodeTooManyRequests, "Rate exceeded")
	case failing:
		return protocol.Errorf(protocol.CodeService, "Internal error")
	case stale:
		return protocol.Errorf(protocol.CodeInvalidParameter, protocol.StaleTokenMessage)
	case pause:
		c.x.pauseFor(time.Second)
	}
	return nil
}

// pageMarker begins the markers of pages that the kit makes.
const pageMarker = "operation-"

// State implements [durable.Client].
func (c client) State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	if err := c.suffer(ctx, c.x.stage.visit(pageIsRead, 0, place("before reading a page"))); err != nil {
		return nil, err
	}
	if from, ours := strings.CutPrefix(req.Marker, pageMarker); ours {
		first, err := strconv.Atoi(from)
		if err != nil {
			return nil, err
		}
		ops, next := c.x.pages.from(first)
		return &protocol.StateReply{Operations: ops, NextMarker: next}, nil
	}
	return inprocess.Client{Engine: c.x.engine}.State(ctx, req)
}

// statePages are the operations that an invocation reads piece by piece.
type statePages struct {
	all  []*protocol.Operation
	size int
}

func (p *statePages) from(first int) (ops []*protocol.Operation, next string) {
	end := min(first+p.size, len(p.all))
	if end < len(p.all) {
		next = pageMarker + strconv.Itoa(end)
	}
	return p.all[first:end], next
}

// Attempt is called by durable before an attempt of a step.
func (c client) Attempt(ctx context.Context, id, name string, n int, once bool) {
	s := c.x.stage
	if s.gone() {
		runtime.Goexit()
	}
	if !s.exploring {
		return
	}
	s.beginBody(id, name, n, once)
	w := s.visit(bodyBegins, 0, place("in attempt "+strconv.Itoa(n)+" of "+operationName(id, name)))
	if w == timeout {
		<-ctx.Done()
	}
	s.perhapsDie(w)
	s.ranBody(id, n)
}

// Stub is called by durable for what is to run in place of a step's function.
func (c client) Stub(name string, function any) any { return c.x.stubs.step(name, function) }
