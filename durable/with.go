package durable

import (
	"context"
	"log/slog"
)

// settings are what a handler's options say of all operations, and [With] of
// some.
type settings struct {
	serdes  Serdes
	budget  int          // of a step's attempts; 0 is none
	handler slog.Handler // beneath all loggers; nil is the invocation's
}

// settingsKey is the context key under which a *settings is found.
type settingsKey struct{}

// settingsOf finds the settings of code that runs under ctx; nil if there are
// none.
func settingsOf(ctx context.Context) *settings {
	set, _ := ctx.Value(settingsKey{}).(*settings)
	return set
}

func (o *operation) settings() *settings {
	if s, ok := o.ctx.(*scope); ok {
		return s.settings
	}
	return settingsOf(o.ctx)
}

// ContextOption changes the defaults of a part of the code; see [With].
type ContextOption interface {
	applyContext(s *scope, set *settings)
}

// With returns a context that is ctx with other defaults for all that is done
// with it: for operations, for what is inside of them, for loggers.
//
//	ctx = durable.With(ctx, durable.WithLogger(ctx.Logger().With("order", order.ID)))
//
// It takes the place of ctx in the same code, and belongs to the same goroutine.
// With panics if ctx is not a durable context, or an option is nil.
func With(ctx Context, opts ...ContextOption) Context {
	s := scopeOf(ctx)
	if s == nil {
		panic("perdure: durable.With: ctx is not a durable context; pass the one that the handler or the child context got")
	}
	set := *settingsOf(ctx)
	for _, o := range opts {
		if o == nil {
			panic("perdure: durable.With: an option is nil")
		}
		o.applyContext(s, &set)
	}
	return derived{context.WithValue(ctx, settingsKey{}, &set), s}
}

func (o serdesOption) applyContext(_ *scope, set *settings) {
	if o.serdes != nil {
		set.serdes = o.serdes
	}
}

func (o attemptBudgetOption) applyContext(_ *scope, set *settings) {
	if o < 0 {
		panic("perdure: durable.With: the attempt budget is negative")
	}
	set.budget = int(o)
}

func (o loggerOption) applyContext(s *scope, set *settings) {
	if o.logger != nil {
		set.handler = s.run.log.of(o.logger, set)
	}
}
