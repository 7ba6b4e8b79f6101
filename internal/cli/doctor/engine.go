package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Engine is what a serving engine says of itself.
type Engine struct {
	Version   string
	Functions int
	// Clock is how far the engine's clock is ahead of ours.
	Clock time.Duration
}

// clockSkew is what may lie between two clocks; signatures are refused at 5
// minutes.
const clockSkew = 30 * time.Second

// CheckEngine looks whether an engine serves at the endpoint. None is a note.
func CheckEngine(ctx context.Context, c *Case) Finding {
	f := Finding{Check: "engine", Status: Problem}
	e, err := c.Engine(ctx)
	refused, isRefusal := errors.AsType[*protocol.Error](err)
	switch {
	case isOffline(err):
		f.Status, f.Text = Note, "no engine serves at "+c.Endpoint
		f.Hint = "perdure serve starts one; --endpoint names another"
	case isRefusal:
		f.Text = fmt.Sprintf("the engine at %s refused: %s", c.Endpoint, refused.Message)
		f.Hint = "perdure help list tells how credentials are given"
	case err != nil:
		f.Text = fmt.Sprintf("%s is served by something else: %v", c.Endpoint, err)
		f.Hint = "choose another port for the engine with --listen, or name its endpoint with --endpoint"
	case e.Clock > clockSkew || e.Clock < -clockSkew:
		f.Text = fmt.Sprintf("the clock of the engine at %s is %v off ours", c.Endpoint, e.Clock)
		f.Hint = "set the clocks: signed requests are refused when they differ by minutes"
	case e.Version != c.Version:
		f.Status, f.Text = Note, fmt.Sprintf("the engine at %s is perdure %s, and this is %s", c.Endpoint, e.Version, c.Version)
		f.Hint = "run the same version on both sides"
	default:
		f.Status, f.Text = OK, fmt.Sprintf("perdure %s serves %d function versions at %s", e.Version, e.Functions, c.Endpoint)
	}
	return f
}

// isOffline reports whether err says that nobody listens.
func isOffline(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
