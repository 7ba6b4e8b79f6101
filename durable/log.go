package durable

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// runLog makes the loggers of one invocation. Most replayed invocations log
// nothing, so everything is made when it is first asked for.
type runLog struct {
	base  *slog.Logger // the handler's
	ctx   context.Context
	arn   string
	attrs func() slog.Handler // base's handler with the invocation's attributes
}

func newRunLog(ctx context.Context, base *slog.Logger, arn string) *runLog {
	l := &runLog{base: base, ctx: ctx, arn: arn}
	l.attrs = sync.OnceValue(l.withInvocation)
	return l
}

func (l *runLog) withInvocation() slog.Handler {
	attrs := []slog.Attr{slog.String("executionArn", l.arn)}
	if lc, ok := lambdacontext.FromContext(l.ctx); ok {
		attrs = append(attrs, slog.String("requestId", lc.AwsRequestID))
		if lc.TenantID != "" {
			attrs = append(attrs, slog.String("tenantId", lc.TenantID))
		}
	}
	return l.base.Handler().WithAttrs(attrs)
}

// warn writes a line of the SDK's own.
func (l *runLog) warn(msg string) { slog.New(l.attrs()).Warn(msg) }

// body is the logger of one attempt of a step.
func (l *runLog) body(c *bodyContext) *slog.Logger {
	attrs := operationAttrs(c.id, c.name)
	if c.attempt > 0 {
		attrs = append(attrs, slog.Int("attempt", c.attempt))
	}
	return slog.New(l.attrs().WithAttrs(attrs))
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
	h := s.run.log.attrs()
	if s.parent != nil {
		h = h.WithAttrs(operationAttrs(s.id, s.name))
	}
	s.logger.CompareAndSwap(nil, slog.New(onceHandler{h, s}))
	return s.logger.Load()
}

// onceHandler drops the records of code that ran in an earlier invocation, or
// marks them if the handler wants them.
type onceHandler struct {
	slog.Handler
	scope *scope
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
	return onceHandler{h.Handler.WithAttrs(attrs), h.scope}
}

func (h onceHandler) WithGroup(name string) slog.Handler {
	return onceHandler{h.Handler.WithGroup(name), h.scope}
}

// newLogger is the default: JSON lines with the names that Lambda's own
// structured logs use, from the level that Lambda is set to.
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
