package durableinsight

import (
	"context"
	"log/slog"
	"time"

	"github.com/perdure/perdure/durable/plugin"
	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/telemetry"
)

// maxDelivery bounds what delivering may add to an invocation.
const maxDelivery = 5 * time.Second

// New makes a plugin that delivers records to a sink. It panics if that is nil, or
// if the configuration is a mistake; see [Config.Check].
func New(sink Sink, cfg Config) *plugin.Plugin {
	if sink == nil {
		panic("perdure: durableinsight.New: the sink is nil")
	}
	if err := cfg.Check(); err != nil {
		panic("perdure: durableinsight.New: " + err.Error())
	}
	out := newOutbox(sink)
	p := &plugin.Plugin{
		Name: "durableinsight",
		InvocationEnd: func(ctx context.Context, end *plugin.Outcome) {
			if !cfg.Samples(end.ExecutionARN) {
				return
			}
			if x := outcome(end); cfg.Wants(x.Status) {
				out.put(end.ExecutionARN, func(now protocol.Timestamp) Record { return cfg.Record(x, now) }, x.Status.Closed())
			}
			deliver(ctx, out, end.Logger)
		},
	}
	if cfg.Emit == OnChange {
		changed := func(ctx context.Context, inv *plugin.Invocation) {
			if cfg.Samples(inv.ExecutionARN) {
				out.put(inv.ExecutionARN, func(now protocol.Timestamp) Record { return cfg.Record(running(inv), now) }, false)
				out.deliverBeside(ctx)
			}
		}
		p.InvocationStart = func(ctx context.Context, inv *plugin.Invocation) context.Context {
			changed(ctx, inv)
			return nil
		}
		p.OperationChange = func(ctx context.Context, change *plugin.Change) { changed(ctx, change.Invocation) }
	}
	return p
}

// running is an execution with an invocation under way.
func running(inv *plugin.Invocation) *telemetry.Execution {
	x := &telemetry.Execution{
		ARN: inv.ExecutionARN, Status: protocol.ExecutionRunning, Start: protocol.TimestampOf(inv.ExecutionStart), Operations: inv.Operations.All(),
	}
	for execution := range inv.Operations.All() {
		x.Input = execution.Payload
		break
	}
	return x
}

// outcome is an execution after an invocation.
func outcome(end *plugin.Outcome) *telemetry.Execution {
	x := running(end.Invocation)
	switch end.Status {
	case string(protocol.InvocationSucceeded):
		x.Status, x.Output = protocol.ExecutionSucceeded, &end.Result
	case string(protocol.InvocationFailed):
		x.Status, x.Error = protocol.ExecutionFailed, end.Error
	default:
		return x
	}
	x.End = protocol.TimestampOf(time.Now())
	return x
}

// deliver delivers all waiting records, of other invocations too.
func deliver(ctx context.Context, out *outbox, logger *slog.Logger) {
	limit := maxDelivery
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(deadline)/2), 100*time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	left, dropped, err := out.deliver(ctx)
	if err != nil {
		logger.LogAttrs(ctx, slog.LevelWarn, "records of executions were not delivered; they are kept for the next invocation",
			slog.Int("records", left), slog.Any("error", err))
	}
	if dropped > 0 {
		logger.LogAttrs(ctx, slog.LevelError, "records of executions were dropped, because too many could not be delivered", slog.Int("records", dropped))
	}
}
