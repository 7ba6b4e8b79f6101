package durabletest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"time"

	"github.com/perdure/perdure/engine"
	remote "github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/sdk/transport"
	"github.com/perdure/perdure/protocol"
)

// service is where an execution under test runs: an engine in memory, or a [cloud].
type service interface {
	Start(ctx context.Context, req *engine.InvokeRequest) (*engine.Started, error)
	Describe(ctx context.Context, arn string) (*engine.Description, error)
	History(ctx context.Context, req *engine.HistoryRequest) (events []*protocol.Event, next string, err error)
	Watch(ctx context.Context, arn string) iter.Seq2[*protocol.Event, error]
	Wait(ctx context.Context, arn string) (*engine.Result, error)
	Stop(ctx context.Context, req *engine.StopRequest) (protocol.Timestamp, error)
	Pause(ctx context.Context, req *engine.PauseRequest) error
	Resume(ctx context.Context, req *engine.ResumeRequest) error
	SucceedCallback(ctx context.Context, callbackID string, result []byte) error
	FailCallback(ctx context.Context, callbackID string, reason *protocol.ErrorObject) error
	HeartbeatCallback(ctx context.Context, callbackID string) error
}

// cloud is a deployed function, and the execution of a test there.
type cloud struct {
	client   *remote.Client
	function string
	name     string // of the execution
	until    time.Time
	ended    bool // the execution has closed
}

func (c *cloud) String() string {
	return fmt.Sprintf("the function %s at %s", c.function, c.client.Endpoint)
}

// testEnded is why an execution is stopped that a test has left open.
var testEnded = &protocol.ErrorObject{ErrorType: "TestEnded", ErrorMessage: "the test that started it has ended"}

var errNoMoreTime = errors.New("the test's time is over")

// within bounds a call by the test's time.
func (c *cloud) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, c.until, errNoMoreTime)
}

// Attempts of a call that may be repeated, and the pause before the second one, which doubles.
const (
	cloudAttempts = 8
	cloudPause    = 50 * time.Millisecond
)

// again repeats a call that only reads, or that may be repeated, while its failures look temporary.
func (c *cloud) again(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	pause := cloudPause
	for n := 1; ; n, pause = n+1, 2*pause {
		err := call(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case n == cloudAttempts || !isTemporary(err):
			return c.explain(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func isTemporary(err error) bool {
	if refusal, refused := errors.AsType[*protocol.Error](err); refused {
		return transport.Temporary(refusal.Code)
	}
	if strange, answered := errors.AsType[*remote.StrangeError](err); answered {
		return strange.StatusCode >= http.StatusInternalServerError // as proxies say
	}
	return !isOffline(err) // a connection that broke
}

// isOffline reports whether nobody listens.
func isOffline(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// explain adds to an error what the environment has to do with it.
func (c *cloud) explain(err error) error {
	refusal, refused := errors.AsType[*protocol.Error](err)
	switch {
	case isOffline(err):
		return fmt.Errorf("nobody answers at %s, which %s names: %w", c.client.Endpoint, endpointVariable, err)
	case refused && refusal.Code == protocol.CodeNotFound:
		return fmt.Errorf("%w; the test calls %s, and %s can name another", err, c, functionVariable)
	}
	return err
}

// Start starts the execution. Its name is the test's own, so a repeat starts nothing more.
func (c *cloud) Start(ctx context.Context, req *engine.InvokeRequest) (*engine.Started, error) {
	var invoked *remote.Invoked
	err := c.again(ctx, func(ctx context.Context) (err error) {
		invoked, err = c.client.Invoke(ctx, &remote.Invocation{Function: c.function, Name: c.name, Event: req.Payload})
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case invoked.ARN == "":
		return nil, fmt.Errorf("%s is not durable: the call started no execution", c)
	}
	return &engine.Started{ARN: invoked.ARN, Durable: true}, nil
}

// Describe returns an execution as it is now, without what a test does not ask for.
func (c *cloud) Describe(ctx context.Context, arn string) (*engine.Description, error) {
	var d *remote.Execution
	err := c.again(ctx, func(ctx context.Context) (err error) {
		d, err = c.client.Execution(ctx, arn)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &engine.Description{
		ARN: d.ARN, Name: d.Name, FunctionARN: d.FunctionARN, Status: d.Status, Input: d.Input, Result: d.Result,
		Error: d.Error, Started: protocol.Timestamp(d.Started), Closed: protocol.Timestamp(d.Closed),
	}, nil
}

// History returns the whole history.
func (c *cloud) History(ctx context.Context, req *engine.HistoryRequest) (events []*protocol.Event, _ string, _ error) {
	err := c.again(ctx, func(ctx context.Context) error {
		events = nil
		for ev, err := range c.client.Events(ctx, req.ARN, false) {
			if err != nil {
				return err
			}
			events = append(events, ev.Event)
		}
		return nil
	})
	return events, "", err
}

// Watch yields the events as they come, each once.
func (c *cloud) Watch(ctx context.Context, arn string) iter.Seq2[*protocol.Event, error] {
	return func(yield func(*protocol.Event, error) bool) {
		var last int64
		stopped := false
		err := c.again(ctx, func(ctx context.Context) error {
			for ev, err := range c.client.Watch(ctx, arn) {
				if err != nil {
					return err
				}
				if ev.ID <= last {
					continue
				}
				if last, stopped = ev.ID, !yield(ev.Event, nil); stopped {
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// Wait waits for the end of the execution. The result is not used, and nil.
func (c *cloud) Wait(ctx context.Context, arn string) (*engine.Result, error) {
	for _, err := range c.Watch(ctx, arn) {
		if errors.Is(err, errNoMoreTime) {
			return nil, fmt.Errorf("%w, and the execution has not ended; it is stopped: %s", err, arn)
		}
		if err != nil {
			return nil, err
		}
	}
	for { // the history may be ahead of the description
		d, err := c.Describe(ctx, arn)
		if err != nil {
			return nil, err
		}
		if c.ended = d.Status.Closed(); c.ended {
			return nil, nil
		}
		time.Sleep(cloudPause)
	}
}

// Stop stops the execution.
func (c *cloud) Stop(ctx context.Context, req *engine.StopRequest) (protocol.Timestamp, error) {
	return 0, c.again(ctx, func(ctx context.Context) error { return c.client.Stop(ctx, req.ARN, req.Reason) })
}

// Pause pauses the execution.
func (c *cloud) Pause(ctx context.Context, req *engine.PauseRequest) error {
	return c.again(ctx, func(ctx context.Context) error { return c.client.Pause(ctx, req.ARN, "", false) })
}

// Resume ends a pause.
func (c *cloud) Resume(ctx context.Context, req *engine.ResumeRequest) error {
	return c.again(ctx, func(ctx context.Context) error { return c.client.Resume(ctx, req.ARN, "") })
}

// SucceedCallback completes a callback. It is not repeated: who gets no answer cannot know whether it was completed.
func (c *cloud) SucceedCallback(ctx context.Context, id string, result []byte) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	return c.client.SucceedCallback(ctx, id, result)
}

// FailCallback completes a callback with an error, as SucceedCallback does.
func (c *cloud) FailCallback(ctx context.Context, id string, reason *protocol.ErrorObject) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	return c.client.FailCallback(ctx, id, reason)
}

// HeartbeatCallback says that somebody works on a callback.
func (c *cloud) HeartbeatCallback(ctx context.Context, id string) error {
	return c.again(ctx, func(ctx context.Context) error { return c.client.HeartbeatCallback(ctx, id) })
}
