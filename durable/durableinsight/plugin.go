package durableinsight

import (
	"context"
	"log/slog"
	"time"

	"github.com/perdure/perdure/durable"
)

// Sink takes records. Its methods are called by one goroutine at a time for each
// plugin; a sink that several plugins share has to expect more.
type Sink interface {
	// Deliver takes all of the records, or returns an error, upon which all are
	// delivered again some time later. The slice belongs to the caller. ctx ends
	// when there is no more time.
	Deliver(ctx context.Context, records []Record) error
}

// SinkFunc is a function as a [Sink].
type SinkFunc func(ctx context.Context, records []Record) error

// Deliver implements [Sink].
func (f SinkFunc) Deliver(ctx context.Context, records []Record) error { return f(ctx, records) }

// Config changes what [New] makes; its zero value is good.
type Config struct {
	// Payloads is up to how many bytes of inputs and results are in records; 0
	// is none.
	Payloads int
	// Timeout bounds what delivering may add to an invocation; 0 is 5 seconds.
	// It never takes more than half of the time that the invocation has left.
	Timeout time.Duration
	// Kept is how many records that could not be delivered are kept; 0 is
	// 10,000. The oldest go first.
	Kept int
}

const (
	defaultTimeout = 5 * time.Second
	defaultKept    = 10_000
)

// New makes a plugin that delivers records to a sink. It panics if that is nil.
func New(sink Sink, cfg Config) *durable.Plugin {
	if sink == nil {
		panic("perdure: durableinsight.New: the sink is nil")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Kept == 0 {
		cfg.Kept = defaultKept
	}
	out := &outbox{sink: sink, kept: cfg.Kept, turn: make(chan struct{}, 1)}
	return &durable.Plugin{
		Name: "durableinsight",
		OperationEnd: func(ctx context.Context, op *durable.OperationInfo) {
			if out.add(cfg.operation(op)) {
				cfg.deliver(ctx, out, op.Invocation)
			}
		},
		InvocationEnd: func(ctx context.Context, end *durable.InvocationOutcome) {
			if end.Status == "SUCCEEDED" || end.Status == "FAILED" {
				out.add(cfg.execution(end))
			}
			cfg.deliver(ctx, out, end.Invocation)
		},
	}
}

// deliver delivers what has gathered, of other invocations too.
func (cfg Config) deliver(ctx context.Context, out *outbox, inv *durable.Invocation) {
	limit := cfg.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(deadline)/2), 100*time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	left, dropped, err := out.deliver(ctx)
	if err != nil {
		inv.Logger.LogAttrs(ctx, slog.LevelWarn, "records of executions were not delivered; they are kept for the next invocation",
			slog.Int("records", left), slog.Any("error", err))
	}
	if dropped > 0 {
		inv.Logger.LogAttrs(ctx, slog.LevelError, "records of executions were dropped, because too many could not be delivered", slog.Int("records", dropped))
	}
}
