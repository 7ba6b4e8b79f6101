package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

var (
	callbackKind = &kind{call: "durable.CreateCallback", typ: protocol.TypeCallback, subType: protocol.SubTypeCallback,
		detached: true}
	resultKind = &kind{call: "Callback.Result"}
)

// Callback is a result that someone outside will send: a person who approves,
// a job on another system. It is made by [CreateCallback].
type Callback[T any] struct {
	call   operation
	id     string
	serdes Serdes
}

// CreateCallback makes a callback: an id to hand out, with which others send a result, or a failure, through the
// service's callback API. Give the id away in a [Step], then wait with [Callback.Result]; [WaitForCallback] does
// both.
//
// The callback is recorded, and its id durable, when CreateCallback returns; later runs return the same id. A
// result may come before Result is called. [WithTimeout] bounds the time until it comes and [WithHeartbeat] the
// time between signs of life, which are sent through the same API: whole seconds, at least one, by the service's
// clock, also while nothing runs.
//
// For a T of string, []byte or [json.RawMessage] the result is what was sent, as it is; for any other it is decoded
// from JSON, whatever the handler's Serdes; [WithSerdes] decodes it differently. It is at most 1 MiB. No result, or
// an empty one, is the zero value. The name is as for [Step].
func CreateCallback[T any](ctx Context, name string, opts ...CallbackOption) (*Callback[T], error) {
	cfg, bad := newCallbackConfig(opts)
	if bad == nil {
		bad = checkSent[T](cfg.serdes, callbackKind, name)
	}
	o, err := callbackKind.as(cfg.subType).begin(ctx, name, bad)
	if err != nil {
		return nil, err
	}
	c := &Callback[T]{call: o, serdes: cfg.serdes}
	if op := o.known.op; op != nil {
		c.id = op.CallbackID
	} else {
		c.id = o.createCallback(cfg)
	}
	o.created()
	return c, nil
}

var errNoCallbackID = errors.New("perdure: the service gave a callback no id")

// createCallback records the callback and returns the service's id of it.
func (o *operation) createCallback(cfg *callbackConfig) string {
	r, id := o.scope.run, o.id()
	u := o.update(id, protocol.ActionStart)
	u.CallbackOptions = &protocol.CallbackOptions{
		TimeoutSeconds: seconds(cfg.timeout), HeartbeatTimeoutSeconds: seconds(cfg.heartbeat),
	}
	r.record(o.scope, u)
	r.mu.Lock()
	op := r.news[id]
	r.mu.Unlock()
	if op == nil || op.CallbackID == "" {
		r.finish(outcome{fault: errNoCallbackID}) // the next invocation may be told
		r.checkEnded()
	}
	return op.CallbackID
}

// created is end for an operation that stays open while the code goes on. The code behind it has run before, unless
// the invocation that made the callback failed.
func (o *operation) created() {
	op, s := o.known.op, o.scope
	s.leaveAs(op != nil && (s.hadSeen(o.known) || s.ranOn() || s.run.history.marked && op.Status.Closed()))
}

// ID is the service's id of the callback. It is the same on every run.
func (c *Callback[T]) ID() string { return c.id }

// Result blocks until the callback is completed, and returns the result that was sent. The execution is suspended
// meanwhile, unless other code of it runs. Result records nothing, and may be called again, under the context of
// any part of the execution.
//
// If a failure was sent, or a timeout passed, the error is an [*OperationError] that wraps a [*RecordedError] of
// the failure, or a [*CallbackTimeoutError]; nothing is retried. The service records the completion, so later runs
// return the same. A result that cannot be decoded is a [*SerdesError].
func (c *Callback[T]) Result(ctx Context) (T, error) {
	var zero T
	op, err := c.call.completed(ctx)
	if err != nil {
		return zero, err
	}
	if op.Status != protocol.StatusSucceeded {
		cause := c.call.scope.run.cfg.errors.decodeCallback(op)
		return zero, &OperationError{Kind: protocol.SubTypeCallback, Name: c.call.name, Err: cause}
	}
	return decodeCallback[T](&c.call, c.serdes, op.Payload)
}

// completed blocks ctx's goroutine until the callback o is completed.
func (o *operation) completed(ctx Context) (*protocol.Operation, error) {
	s, err := resultKind.enter(ctx, o.name)
	if err != nil {
		return nil, err
	}
	defer s.leave(o.known)
	op, here := o.known.op, *o
	here.scope = s
	switch {
	case o.scope.run != s.run:
		s.run.fail(misuse(resultKind.describe(o.name),
			"the callback is of another invocation; get it from CreateCallback on every run"))
	case op != nil && op.Status.Closed():
		return op, nil
	case s.sealing == loose:
		here.linger()
	case s.sealing == sealed:
		o.diverge(o.id(), "", nil)
	}
	s.checkOpen(o.kind, o.name)
	return here.settle(o.id(), op), nil
}

// decodeCallback is the error of a failed callback.
func (c errorCodecs) decodeCallback(op *protocol.Operation) error {
	if op.Status == protocol.StatusTimedOut {
		return &CallbackTimeoutError{Heartbeat: op.Error != nil &&
			op.Error.ErrorType == protocol.ErrorTypeCallbackHeartbeat}
	}
	return c.decodeForeign(op.Error)
}

// checkSent explains why a sent result can never be a T.
func checkSent[T any](serdes Serdes, k *kind, name string) error {
	if serdes == nil {
		serdes = JSON
	}
	return checkType[T](serdes, read, "the result of "+k.describe(name))
}

// decodeCallback reads a sent result: as it is, where T can hold that.
func decodeCallback[T any](o *operation, serdes Serdes, payload *string) (T, error) {
	if serdes != nil || payload == nil || *payload == "" {
		return decodeIncoming[T](o, serdes, payload)
	}
	var v T
	switch p := any(&v).(type) {
	case *string:
		*p = *payload
	case *[]byte:
		*p = []byte(*payload)
	case *json.RawMessage:
		*p = json.RawMessage(*payload)
	default:
		return decodeIncoming[T](o, nil, payload)
	}
	return v, nil
}

// CallbackTimeoutError says that nobody completed a callback in time. errors.Is finds [ErrTimeout] in it.
type CallbackTimeoutError struct {
	Heartbeat bool // a sign of life was missing
}

func (e *CallbackTimeoutError) Error() string {
	if e.Heartbeat {
		return "no heartbeat came in time"
	}
	return "it was not completed in time"
}

// Is finds [ErrTimeout].
func (e *CallbackTimeoutError) Is(target error) bool { return target == ErrTimeout }

// CallbackOption changes one callback; see [CreateCallback].
type CallbackOption interface{ applyCallback(*callbackConfig) }

// WithHeartbeat fails a callback for which no sign of life was sent for d.
func WithHeartbeat(d time.Duration) interface {
	CallbackOption
	WaitForCallbackOption
} {
	return heartbeatOption(d)
}

type heartbeatOption time.Duration

func (o heartbeatOption) applyCallback(c *callbackConfig) {
	d := time.Duration(o)
	c.heartbeat = &d
}

func (o heartbeatOption) applyWaitForCallback(c *callbackConfig) { o.applyCallback(c) }

type callbackConfig struct {
	timeout   *time.Duration
	heartbeat *time.Duration
	serdes    Serdes // nil is the default for T
	subType   *string
	retry     retry.Policy // of the submitter
}

var defaultCallback callbackConfig

func newCallbackConfig(opts []CallbackOption) (*callbackConfig, error) {
	if len(opts) == 0 {
		return &defaultCallback, nil
	}
	cfg := new(callbackConfig)
	if err := applyOptions(cfg, opts, CallbackOption.applyCallback); err != nil {
		return cfg, err
	}
	return cfg, cfg.validate()
}

const maxCallbackTime = protocol.MaxCallbackSeconds * time.Second

func (c *callbackConfig) validate() error {
	err := errors.Join(validateCallbackTime("timeout", c.timeout),
		validateCallbackTime("heartbeat timeout", c.heartbeat))
	if err == nil && c.timeout != nil && c.heartbeat != nil && *c.heartbeat > *c.timeout {
		err = fmt.Errorf("the heartbeat timeout of %v can never pass, because the timeout of %v passes before",
			*c.heartbeat, *c.timeout)
	}
	return errors.Join(err, validateSubType(c.subType))
}

func validateCallbackTime(what string, d *time.Duration) error {
	switch {
	case d == nil:
	case *d < time.Second:
		return fmt.Errorf("the %s is %v; the service's timeouts are at least 1s", what, *d)
	case *d > maxCallbackTime:
		return fmt.Errorf("the %s is %v; at most %v are allowed", what, *d, maxCallbackTime)
	}
	return nil
}

// seconds is a timeout for the service, rounded up; nil is none.
func seconds(d *time.Duration) int64 {
	if d == nil {
		return 0
	}
	return int64((*d + time.Second - 1) / time.Second)
}
