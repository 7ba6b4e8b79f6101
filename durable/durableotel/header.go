package durableotel

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// TraceHeaderParent reads the trace header of ctx's invocation: X-Ray's, as Lambda passes it on, or a W3C
// traceparent. A header that leaves sampling open counts as sampled. Without a parent in it, the span context has
// no span id; the execution still joins the trace.
//
// A function on Lambda without active tracing gets headers that say that the trace is not sampled. To trace it all
// the same give [Config] a Parent that returns an empty span context.
func TraceHeaderParent(ctx context.Context) trace.SpanContext {
	header, ok := ctx.Value("x-amzn-trace-id").(string) // as aws-lambda-go calls it
	if !ok {
		header = os.Getenv("_X_AMZN_TRACE_ID")
	}
	return parseHeader(header)
}

func parseHeader(header string) trace.SpanContext {
	if parts := strings.Split(strings.TrimSpace(header), "-"); len(parts) == 4 && parts[0] == "00" {
		flags, _ := strconv.ParseUint(parts[3], 16, 8)
		return remote(parts[1], parts[2], flags&1 == 1)
	}
	fields := make(map[string]string)
	for part := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	root, ok := strings.CutPrefix(fields["Root"], "1-")
	if !ok {
		return trace.SpanContext{}
	}
	return remote(strings.Replace(root, "-", "", 1), fields["Parent"], fields["Sampled"] != "0")
}

// remote is a span context: without a span id if that is not valid, empty if the trace's is not.
func remote(traceID, spanID string, sampled bool) trace.SpanContext {
	t, err := trace.TraceIDFromHex(traceID)
	if err != nil {
		return trace.SpanContext{}
	}
	s, _ := trace.SpanIDFromHex(spanID)
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: t, SpanID: s, TraceFlags: trace.TraceFlags(0).WithSampled(sampled), Remote: true,
	})
}

// formatHeader is X-Ray's header for work below sc.
func formatHeader(sc trace.SpanContext) string {
	sampled := 0
	if sc.IsSampled() {
		sampled = 1
	}
	id := sc.TraceID().String()
	return fmt.Sprintf("Root=1-%s-%s;Parent=%s;Sampled=%d", id[:8], id[8:], sc.SpanID(), sampled)
}
