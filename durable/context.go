package durable

import (
	"context"
	"log/slog"
	"time"
)

// Context is what durable code runs under: the handler, and the functions of child contexts. Its operations are the
// package's functions ([Step], [Wait], …), which number themselves by it, so a Context belongs to one goroutine at
// a time, and the code that uses it must do the same on every run.
//
// It is a [context.Context] that ends when the invocation ends, at the latest with the function's timeout; that is
// not the end of the execution. Types that embed a Context may be passed to operations in its place. What Lambda
// tells of an invocation, such as its request id, is found by lambdacontext.FromContext of aws-lambda-go; it
// differs from run to run.
type Context interface {
	context.Context
	// Logger returns a logger that is silent while the code runs again over
	// what earlier invocations did, so that each line is written once.
	Logger() *slog.Logger
	// ExecutionARN names the execution. It is the same on every run.
	ExecutionARN() string
	// StartTime is when the execution started, by the service's clock. It is
	// the same on every run; time.Now is not.
	StartTime() time.Time
}

// From finds the durable Context that ctx derives from, and joins the two: the
// result carries ctx's values and deadline to the bodies of steps. So what
// [context.WithValue] and [context.WithTimeout] made of a Context can be used
// for operations. A step's body has no durable Context: there the result is
// false.
//
// A deadline of ctx does not end a [Wait], nor anything else that has to be
// the same on every run.
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

// derived is a durable context whose context.Context part was replaced.
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

// bodyContext is the context of one attempt of a step, or of a value on its
// way to or from the history. It hides the durable context from its body.
type bodyContext struct {
	context.Context
	run     *run
	id      string
	name    string
	attempt int
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

// Attempt returns the number of the attempt that a step's body runs as, from 1. Outside of steps it is 0.
func Attempt(ctx context.Context) int {
	if c := bodyOf(ctx); c != nil {
		return c.attempt
	}
	return 0
}

// IdempotencyKey returns a text that names the operation that ctx belongs to among all operations of all
// executions, and is the same for every attempt. Give it to services that refuse to do the same thing twice.
// Outside of operations it is empty.
func IdempotencyKey(ctx context.Context) string {
	if c := bodyOf(ctx); c != nil {
		return c.run.arn + "/" + c.id
	}
	return ""
}

// ExecutionARN returns the name of the execution that ctx belongs to, durable
// or in a step's body; empty if there is none.
func ExecutionARN(ctx context.Context) string {
	if c := bodyOf(ctx); c != nil {
		return c.run.arn
	}
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		return s.run.arn
	}
	return ""
}

// IsReplaying reports whether the code that ctx belongs to ran in an earlier invocation as well, which is when
// [Context.Logger] is silent. It is for what should happen once, or be measured once, and has no part in the
// workflow: what code does because of it must not show in any operation. In the body of a step, which is never
// replayed, it is false.
func IsReplaying(ctx context.Context) bool {
	s, ok := ctx.Value(scopeKey{}).(*scope)
	return ok && s.replaying.Load()
}

// Logger returns the logger of the operation that ctx belongs to: its lines
// carry the operation's id and name and the attempt. Elsewhere it is
// [Context.Logger], or slog's default if ctx has nothing to do with an
// execution.
func Logger(ctx context.Context) *slog.Logger {
	if c := bodyOf(ctx); c != nil {
		return c.run.log.body(c)
	}
	if c, ok := From(ctx); ok {
		return c.Logger()
	}
	return slog.Default()
}
