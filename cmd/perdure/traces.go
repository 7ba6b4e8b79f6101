package main

import (
	"encoding/hex"
	"log/slog"
	"os"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/observe/otlp"
)

// openTraces begins to export traces, if OpenTelemetry's variables in our
// environment ask for that. It returns nil if they do not.
func openTraces(log *slog.Logger) (*otlp.Exporter, error) {
	cfg, err := otlp.FromEnvironment(os.Getenv, version())
	if err != nil {
		return nil, cli.Usagef("traces cannot be exported: %v", err)
	}
	if cfg == nil {
		return nil, nil
	}
	return otlp.New(cfg, log), nil
}

// tracer makes spans of what an engine says has ended.
type tracer struct{ exporter *otlp.Exporter }

// Ended implements [engine.Tracer].
func (t *tracer) Ended(x *engine.Traced) {
	at, ok := otlp.ParseContext(x.TraceHeader)
	if !ok || !at.Sampled {
		return
	}
	_, function, _ := strings.Cut(x.Function, ":function:")
	function, version, _ := strings.Cut(function, ":")
	s := &otlp.Span{
		Trace: at.Trace, Parent: at.Span, Name: "execution " + function, Kind: otlp.Internal,
		Start: x.Start, End: x.End, Failure: x.Failure,
		Attributes: []otlp.Attribute{{Key: "faas.name", Value: function}, {Key: "faas.version", Value: version}},
	}
	_, _ = hex.Decode(s.ID[:], []byte(x.SpanID)) // the engine's own, so it is one
	add := func(key, value string) {
		if value != "" {
			s.Attributes = append(s.Attributes, otlp.Attribute{Key: key, Value: value})
		}
	}
	add("durable.execution.arn", x.Execution)
	add("durable.execution.status", string(x.Status))
	add("faas.invocation_id", x.RequestID)
	if x.RequestID != "" {
		s.Name = "invocation " + function
	}
	t.exporter.Export(s)
}
