package durable

import (
	"errors"
	"fmt"
	"strings"

	"github.com/perdure/perdure/protocol"
)

var invokeKind = &kind{call: "durable.Invoke", typ: protocol.TypeChainedInvoke, subType: protocol.SubTypeChainedInvoke}

// Function is a Lambda function, durable or not, that others call with [Invoke]; it declares input and output once,
// in one place.
//
//	var Charge = durable.Function[ChargeRequest, Receipt]{Name: "charge:live"}
type Function[In, Out any] struct {
	// Name is the function's name or ARN. A durable function needs a version
	// or an alias after it, such as charge:live or charge:$LATEST.
	Name string
	// Options apply to every call; a call's own come after them.
	Options []InvokeOption
}

// Invoke is [Invoke] as a method.
func (f Function[In, Out]) Invoke(ctx Context, name string, in In, opts ...InvokeOption) (Out, error) {
	return Invoke(ctx, name, f, in, opts...)
}

// Invoke calls another function and returns its result; the execution is suspended meanwhile, unless other code of
// it runs. The service makes the call, once, however often this function is interrupted. If fn is durable too, an
// execution of it is started, which goes on if this one is stopped.
//
// The start of the call is durable before the call is made; the service records the outcome, and later runs return
// it. If the function failed, Invoke returns an [*OperationError]; nothing is retried, but the function may retry
// inside, and a durable one survives crashes. A missing function is such a failure.
//
// Payload and result are JSON, whatever the handler's Serdes, because another function reads and writes them;
// [WithSerdes] and [WithPayloadSerdes] change that. Each is at most 1 MiB. A payload that is too large or cannot be
// encoded, and a result that cannot be decoded, are a [*LimitError] or a [*SerdesError]. A call has no timeout of
// its own; its child context can have one, by [WithTimeout]. The name is as for [Step].
func Invoke[In, Out any](ctx Context, name string, fn Function[In, Out], in In, opts ...InvokeOption) (Out, error) {
	var zero Out
	cfg, bad := newInvokeConfig(fn.Name, fn.Options, opts)
	if bad == nil {
		bad = checkSent[Out](cfg.serdes, invokeKind, name)
	}
	o, err := invokeKind.next(ctx, name)
	if err != nil {
		return zero, err
	}
	op, payload := o.known.op, ""
	if op == nil {
		if err := o.refuse(bad); err != nil {
			return zero, err
		}
		if payload, err = encodeOutgoing(&o, cfg.payloadSerdes(), in); err != nil {
			o.end()
			return zero, err
		}
	}
	o.compare()
	defer o.end()
	if op == nil {
		o.invoke(fn.Name, payload, cfg)
	}
	if op == nil || !op.Status.Closed() {
		op = o.settle(o.id(), op)
	}
	if op.Status != protocol.StatusSucceeded {
		return zero, o.notInvoked(fn.Name, op)
	}
	return decodeIncoming[Out](&o, cfg.serdes, op.Payload)
}

// encodeOutgoing encodes a payload that another function will read.
func encodeOutgoing[T any](o *operation, serdes Serdes, v T) (string, error) {
	what := "the payload of " + o.describe(o.name)
	payload, err := "", checkType[T](serdes, written, what)
	if err == nil {
		payload, err = marshalValue(o.value(o.id(), 0), serdes, what, v)
	}
	err = fits(what, payload, err)
	return payload, err
}

func (o *operation) invoke(function, payload string, cfg *invokeConfig) {
	u := o.update(o.id(), protocol.ActionStart)
	u.Payload = &payload
	u.ChainedInvokeOptions = &protocol.ChainedInvokeOptions{
		FunctionName: function, TenantID: cfg.tenant, XAmznTraceID: o.traceHeader(u.ID, cfg.trace),
	}
	o.scope.run.send(o.scope, u)
}

func (o *operation) notInvoked(function string, op *protocol.Operation) error {
	e := &OperationError{Kind: o.subType, Name: o.name, Function: function,
		Err: o.scope.run.cfg.errors.decodeForeign(op.Error)}
	if op.Status != protocol.StatusFailed {
		e.status = op.Status
	}
	return e
}

// InvokeOption changes one call of a function; see [Invoke].
type InvokeOption interface{ applyInvoke(*invokeConfig) }

type invokeConfig struct {
	serdes  Serdes // nil is JSON
	payload Serdes // nil is serdes
	tenant  string
	trace   string
}

// WithTenantID names the tenant for a function that isolates its tenants: at most 256 letters, digits, spaces and
// any of ._:/=+-@
func WithTenantID(id string) InvokeOption {
	return invokeOption(func(cfg *invokeConfig) { cfg.tenant = id })
}

// WithTraceHeader passes an X-Amzn-Trace-Id header to the function: at most 8,192 bytes.
func WithTraceHeader(header string) InvokeOption {
	return invokeOption(func(cfg *invokeConfig) { cfg.trace = header })
}

// WithPayloadSerdes sets how the payload is written, where that differs from how the result is read.
func WithPayloadSerdes(s Serdes) InvokeOption {
	return invokeOption(func(cfg *invokeConfig) { cfg.payload = s })
}

type invokeOption func(*invokeConfig)

func (o invokeOption) applyInvoke(c *invokeConfig) { o(c) }

var defaultInvoke invokeConfig

func newInvokeConfig(function string, lists ...[]InvokeOption) (*invokeConfig, error) {
	err := validateFunction(function)
	if len(lists[0])+len(lists[1]) == 0 {
		return &defaultInvoke, err
	}
	cfg := new(invokeConfig)
	for _, opts := range lists {
		err = errors.Join(err, applyOptions(cfg, opts, InvokeOption.applyInvoke))
	}
	return cfg, errors.Join(err, cfg.validate())
}

func (c *invokeConfig) payloadSerdes() Serdes {
	switch {
	case c.payload != nil:
		return c.payload
	case c.serdes != nil:
		return c.serdes
	}
	return JSON
}

const (
	maxFunctionName = 256
	maxTenantID     = 256
	maxTraceHeader  = 8192
)

func (c *invokeConfig) validate() error {
	switch {
	case len(c.tenant) > maxTenantID:
		return fmt.Errorf("the tenant id is %d bytes long; at most %d are allowed", len(c.tenant), maxTenantID)
	case strings.ContainsFunc(c.tenant,
		func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("._:/=+-@ ", r) }):
		return fmt.Errorf("the tenant id %q has characters other than letters, digits, spaces and ._:/=+-@", c.tenant)
	case len(c.trace) > maxTraceHeader:
		return fmt.Errorf("the trace header is %d bytes long; at most %d are allowed", len(c.trace), maxTraceHeader)
	}
	return nil
}

var errNoFunction = errors.New("the function has no name; set Function.Name")

// validateFunction is lenient: the service says whether the function exists. But a name that it would refuse
// outright fails the execution.
func validateFunction(name string) error {
	switch {
	case name == "":
		return errNoFunction
	case len(name) > maxFunctionName:
		return fmt.Errorf("the function's name is %d bytes long; at most %d are allowed", len(name), maxFunctionName)
	}
	for i, r := range name {
		if !alphanumeric(r) && !strings.ContainsRune("-_.:$", r) {
			return fmt.Errorf("the function's name %q has %q at byte %d; names have letters, digits and -_.:$ only",
				name, r, i)
		}
	}
	return nil
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
