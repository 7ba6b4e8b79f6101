package durable

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/perdure/perdure/internal/sdk/loopback"
	"github.com/perdure/perdure/internal/sdk/transport"
	"github.com/perdure/perdure/protocol"
)

// Start runs handler as a durable Lambda function and does not return. A function's main calls it in place of
// lambda.Start.
//
// handler gets the execution's input, decoded from JSON, and runs once per invocation: from the top each time, over
// the records. Its result, or error, ends the execution. The result is written as JSON. It is at most 6 MB, or 1 MB
// if the execution was started asynchronously; a larger one fails the execution. An error, or a panic, fails the
// execution with the error's type name and message.
//
// Under an engine of ours a small loop of our own polls for invocations; anywhere else aws-lambda-go does.
func Start[In, Out any](handler func(Context, In) (Out, error), opts ...HandlerOption) {
	h := NewHandler(handler, opts...)
	if address, path, ok := loopback.Engine(); ok {
		log.Fatal("perdure: ", loopback.Serve(address, path, h))
	}
	lambda.Start(h)
}

// Handler is a durable function that can be invoked: by the Lambda runtime, by an engine in the same process, or by
// a test. It is safe for concurrent use.
type Handler struct {
	cfg  *handlerConfig
	main func(s *scope, input *string) (result string, err error)
}

// NewHandler makes a Handler of a function. It panics if the function, an option or a plugin is nil, if an option
// has an impossible value, or if a type cannot be used: nothing can be read into In, such as an interface with
// methods, or written of Out, such as a channel.
func NewHandler[In, Out any](handler func(Context, In) (Out, error), opts ...HandlerOption) *Handler {
	if handler == nil {
		panic("perdure: the handler is nil")
	}
	const input, what = "the execution's input", "the handler's result"
	cfg := newHandlerConfig(opts)
	for _, err := range []error{checkType[In](JSON, read, input), checkType[Out](JSON, written, what)} {
		if err != nil {
			panic(err.Error())
		}
	}
	return &Handler{cfg: cfg, main: func(s *scope, payload *string) (string, error) {
		ctx := &bodyContext{Context: s, run: s.run, id: s.run.history.execution.ID}
		in, err := decodeValue[In](ctx, JSON, input, payload)
		if err != nil {
			return "", err
		}
		out, err := handler(s, in)
		if err != nil {
			return "", err
		}
		return marshalValue(ctx, JSON, what, out)
	}}
}

func newHandlerConfig(opts []HandlerOption) *handlerConfig {
	cfg := &handlerConfig{unchecked: !isTest()}
	for _, o := range opts {
		if o == nil {
			panic("perdure: a handler option is nil")
		}
		o.applyHandler(cfg)
	}
	cfg.check()
	if cfg.serdes == nil {
		cfg.serdes = JSON
	}
	if cfg.client == nil {
		cfg.client = transport.NewClient()
	}
	if cfg.logger == nil {
		cfg.logger = newLogger(os.Stderr)
	}
	return cfg
}

// check panics if the configuration has a mistake.
func (c *handlerConfig) check() {
	if c.budget < 0 {
		panic("perdure: the attempt budget is negative")
	}
	names := make(map[string]bool)
	for _, codec := range c.errors {
		switch {
		case codec.name == "" || codec.encode == nil:
			panic("perdure: WithErrors has an ErrorCodec without a name; make it with ErrorType or ErrorValue, " +
				"and give it one")
		case names[codec.name]:
			panic("perdure: WithErrors has two ErrorCodecs with the name " + codec.name)
		}
		names[codec.name] = true
	}
}

// Invoke runs one invocation: payload is the service's envelope, and the result is the reply to it. An error means
// that this invocation failed, not the execution: the service will start another. When Invoke returns, nothing that
// it started is running, as long as steps respect the end of their context.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	in, err := transport.ReadInvocation(payload)
	if err != nil {
		return nil, err
	}
	r := newRun(ctx, h.cfg, in)
	if r.load(in) {
		r.spawn(nil, func() { r.execute(h.main) })
	}
	o := r.wait()
	if len(r.anew) > 0 {
		if o.err == nil {
			o.err = &protocol.ErrorObject{}
		}
		o.err.StackTrace = append(o.err.StackTrace, r.anew...)
	}
	r.endPlugins(o)
	return encodeOutcome(o)
}

func (r *run) execute(main func(*scope, *string) (string, error)) {
	root := newScope(r.ctx, r, nil, "", "")
	root.owner = r.cfg.goroutine()
	result, err := recovered(func() (string, error) { return main(root, r.history.execution.Payload) })
	r.checkInvocation()
	root.close(err)
	o := outcome{status: protocol.InvocationSucceeded, result: result}
	if err != nil {
		o = r.failed(err)
	}
	if r.cfg.pipelined {
		r.drain()
	}
	r.finish(r.fit(o))
}

// maxReply bounds a result as a JSON string. It leaves room for the rest of the reply.
const maxReply = protocol.MaxSyncPayload - 48

// fit makes the outcome fit for the service: a result that is too large for the reply goes through a checkpoint,
// and one that is too large for that fails the execution.
func (r *run) fit(o outcome) outcome {
	switch {
	case len(o.result) > protocol.MaxSyncPayload:
		return r.failed(&LimitError{What: "the handler's result", Size: len(o.result), Limit: protocol.MaxSyncPayload})
	case protocol.StringSize(o.result) > maxReply:
		large := o.result
		r.recordExecution(protocol.Update{ID: "execution-result", Type: protocol.TypeExecution,
			Action: protocol.ActionSucceed, Payload: &large})
		o.result, o.large = "", large
	}
	return o
}

var errNoExecution = errors.New("perdure: the execution has no EXECUTION operation; the service sent an " +
	"incomplete state")

func encodeOutcome(o outcome) ([]byte, error) {
	if o.fault != nil {
		return nil, o.fault
	}
	buf := fmt.Appendf(make([]byte, 0, len(o.result)+64), `{"Status":%q`, o.status)
	if o.status == protocol.InvocationSucceeded {
		buf = protocol.AppendString(append(buf, `,"Result":`...), o.result)
	}
	if o.err != nil {
		buf = protocol.AppendErrorObject(append(buf, `,"Error":`...), o.err)
	}
	return append(buf, '}'), nil
}
