package durable

import (
	"context"
	"log/slog"
	"time"
)

// Context is the context of durable code: the handler, and the functions of child contexts. The package's
// operations ([Step], [Wait], …) take it and are numbered by it, so a Context belongs to one goroutine at a time,
// and the code that uses it must do the same on every run.
//
// It is a [context.Context] that ends when the invocation ends, at the latest with the function's timeout; the
// execution goes on. Types that embed a Context may be passed to operations in its place. lambdacontext.FromContext
// of aws-lambda-go finds the facts of the invocation, such as its request id; they differ from run to run.
type Context interface {
	context.Context
	// Logger returns a logger that is silent while the code repeats what earlier invocations did, so that each line
	// is written once.
	Logger() *slog.Logger
	// ExecutionARN names the execution. It is the same on every run.
	ExecutionARN() string
	// StartTime is when the execution started, by the service's clock. It is
	// the same on every run; time.Now is not.
	StartTime() time.Time
}

// From finds the durable Context that ctx derives from, and joins the two: steps run with ctx's values and
// deadline. So a context made by [context.WithValue] or [context.WithTimeout] from a Context can be used for
// operations. A step's body has no durable Context: there the result is false.
//
// A deadline of ctx does not end a [Wait], nor anything else that has to be the same on every run.
func From(ctx context.Context) (Context, bool) {
	if ctx == nil {
		return nil, false
	}
	if c, ok := ctx.(Context); ok {
		return c, true
	}
	s, ok := ctx.Value(scopeKey{}).(*scope)
	if !ok {
		return nil, false
	}
	return derived{ctx, s}, true
}

// derived is a durable context with another context.Context in it.
type derived struct {
	context.Context
	scope *scope
}

func (d derived) Logger() *slog.Logger {
	if set := settingsOf(d); set != d.scope.settings {
		return d.scope.newLogger(set)
	}
	return d.scope.Logger()
}

func (d derived) ExecutionARN() string { return d.scope.ExecutionARN() }
func (d derived) StartTime() time.Time { return d.scope.StartTime() }

// scopeKey is the context key under which a *scope finds itself.
type scopeKey struct{}

// bodyContext is the context of an attempt of a step, or of a value on its way to or from the history. It hides the
// durable context.
type bodyContext struct {
	context.Context
	run     *run
	id      string
	name    string
	attempt int
	once    bool // the attempt is never made again
}

// bodyKey is the context key under which a *bodyContext finds itself.
type bodyKey struct{}

func (c *bodyContext) Value(key any) any {
	switch key.(type) {
	case bodyKey:
		return c
	case scopeKey:
		return nil
	}
	return c.Context.Value(key)
}

func bodyOf(ctx context.Context) *bodyContext {
	c, _ := ctx.Value(bodyKey{}).(*bodyContext)
	return c
}

// Attempt returns the number of the attempt, from 1, in the body of a step; elsewhere 0.
func Attempt(ctx context.Context) int {
	if c := bodyOf(ctx); c != nil {
		return c.attempt
	}
	return 0
}

// IdempotencyKey returns a text that is unique to ctx's operation among all operations of all executions, and the
// same for every attempt. Give it to services that refuse to do the same thing twice. Outside of operations it is
// empty.
func IdempotencyKey(ctx context.Context) string {
	if c := bodyOf(ctx); c != nil {
		return c.run.arn + "/" + c.id
	}
	return ""
}

// ExecutionARN returns the name of ctx's execution, in durable code or a step's body; empty if there is none.
func ExecutionARN(ctx context.Context) string {
	if c := bodyOf(ctx); c != nil {
		return c.run.arn
	}
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		return s.run.arn
	}
	return ""
}

// IsReplaying reports whether ctx's code ran in an earlier invocation as well; [Context.Logger] is silent then. Use
// it for things to do or measure only once, never to decide about an operation. In the body of a step, which is
// never replayed, it is false.
func IsReplaying(ctx context.Context) bool {
	s, ok := ctx.Value(scopeKey{}).(*scope)
	return ok && s.replaying.Load()
}

// Logger returns the logger of ctx's operation: its lines carry the operation's id and name and the attempt.
// Outside of operations it is [Context.Logger], and outside of executions slog's default.
func Logger(ctx context.Context) *slog.Logger {
	if c := bodyOf(ctx); c != nil {
		return c.run.log.body(c)
	}
	if c, ok := From(ctx); ok {
		return c.Logger()
	}
	return slog.Default()
}
