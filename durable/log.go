package durable

import (
	"context"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// runLog makes the loggers of one invocation, each when it is first needed: most replayed invocations log nothing.
type runLog struct {
	ctx   context.Context
	arn   string
	attrs func() slog.Handler // the handler's, with the invocation's attributes
}

func newRunLog(ctx context.Context, base *slog.Logger, arn string) *runLog {
	l := &runLog{ctx: ctx, arn: arn}
	l.attrs = sync.OnceValue(func() slog.Handler { return l.withInvocation(base.Handler()) })
	return l
}

func (l *runLog) withInvocation(h slog.Handler) slog.Handler {
	attrs := []slog.Attr{slog.String("executionArn", l.arn)}
	if lc, ok := lambdacontext.FromContext(l.ctx); ok {
		attrs = append(attrs, slog.String("requestId", lc.AwsRequestID))
		if lc.TenantID != "" {
			attrs = append(attrs, slog.String("tenantId", lc.TenantID))
		}
	}
	return h.WithAttrs(attrs)
}

// warn writes a line of the SDK. The user's handler beneath may panic, which must not hurt other goroutines.
func (l *runLog) warn(msg string) { safely(func() { slog.New(l.attrs()).Warn(msg) }) }

// changed says that the code does not match the records, and why if that is known.
func (l *runLog) changed(err *nonDeterminism, stack []string) {
	args := []any{"operationId", err.ID, "error", err.Error()}
	if len(stack) > 0 {
		args = append(args, "stack", stack)
	}
	safely(func() { slog.New(l.attrs()).Error("the code does not do what was recorded", args...) })
}

// under is the handler beneath the loggers of code with the given settings.
func (l *runLog) under(set *settings) slog.Handler {
	if set.handler != nil {
		return set.handler
	}
	return l.attrs()
}

// of is the handler of a user's logger, with the invocation's attributes; a logger of ours has them already.
func (l *runLog) of(logger *slog.Logger, set *settings) slog.Handler {
	h, ours := logger.Handler().(onceHandler)
	if !ours {
		return l.withInvocation(logger.Handler())
	}
	below := l.under(set)
	for _, add := range h.added {
		below = add(below)
	}
	return below
}

func (l *runLog) body(c *bodyContext) *slog.Logger {
	attrs := operationAttrs(c.id, c.name)
	if c.attempt > 0 {
		attrs = append(attrs, slog.Int("attempt", c.attempt))
	}
	return slog.New(l.under(settingsOf(c)).WithAttrs(attrs))
}

func operationAttrs(id, name string) []slog.Attr {
	attrs := []slog.Attr{slog.String("operationId", id)}
	if name != "" {
		attrs = append(attrs, slog.String("operationName", name))
	}
	return attrs
}

// Logger implements [Context].
func (s *scope) Logger() *slog.Logger {
	if l := s.logger.Load(); l != nil {
		return l
	}
	s.logger.CompareAndSwap(nil, s.newLogger(s.settings))
	return s.logger.Load()
}

func (s *scope) newLogger(set *settings) *slog.Logger {
	h := s.run.log.under(set)
	if s.parent != nil {
		h = h.WithAttrs(operationAttrs(s.id, s.name))
	}
	return slog.New(onceHandler{Handler: h, scope: s})
}

// onceHandler drops the records of code that ran in an earlier invocation, or marks them if the handler wants them.
type onceHandler struct {
	slog.Handler
	scope *scope
	added []func(slog.Handler) slog.Handler // added by the user
}

func (h onceHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return (!h.scope.replaying.Load() || h.scope.run.cfg.replayLogs) && h.Handler.Enabled(ctx, level)
}

func (h onceHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.scope.replaying.Load() {
		r = r.Clone()
		r.AddAttrs(slog.Bool("replay", true))
	}
	return h.Handler.Handle(ctx, r)
}

func (h onceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

func (h onceHandler) WithGroup(name string) slog.Handler {
	return h.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (h onceHandler) with(add func(slog.Handler) slog.Handler) onceHandler {
	return onceHandler{add(h.Handler), h.scope, append(slices.Clip(h.added), add)}
}

// newLogger is the default: JSON lines with the names of Lambda's structured logs, from Lambda's log level on.
func newLogger(w io.Writer) *slog.Logger {
	var level slog.Level
	switch name := os.Getenv("AWS_LAMBDA_LOG_LEVEL"); name {
	case "TRACE":
		level = slog.LevelDebug - 4
	case "FATAL":
		level = slog.LevelError + 4
	default:
		_ = level.UnmarshalText([]byte(name)) // INFO if unset or unknown
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdaNames}))
}

func lambdaNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.String("timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}
