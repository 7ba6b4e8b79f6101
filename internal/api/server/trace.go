package server

import (
	"net/http"
	"time"

	"github.com/perdure/perdure/internal/observe/otlp"
)

// Spans takes the spans of requests. It must not wait.
type Spans interface{ Export(s *otlp.Span) }

// traceHeader is X-Ray's: with it AWS's clients name their place in a trace.
const traceHeader = "X-Amzn-Trace-Id"

// requestTrace is a traced request.
type requestTrace struct {
	span    otlp.Span
	sampled bool
}

// traced begins the span of a request to an API, below the client's span if the request names that. What the
// request starts belongs below it.
func traced(r *http.Request, operation string) (*http.Request, *requestTrace) {
	given := r.Header.Get(traceHeader)
	if given == "" {
		given = r.Header.Get("Traceparent")
	}
	client, ok := otlp.ParseContext(given)
	if !ok {
		client = otlp.NewContext()
	}
	t := &requestTrace{sampled: client.Sampled, span: otlp.Span{
		Trace: client.Trace, ID: otlp.NewSpanID(), Parent: client.Span, Name: operation, Kind: otlp.Server, Start: time.Now(),
		Attributes: []otlp.Attribute{{Key: "http.request.method", Value: clip(r.Method)}, {Key: "url.path", Value: clip(r.URL.EscapedPath())}},
	}}
	here := otlp.Context{Trace: client.Trace, Span: t.span.ID, Sampled: client.Sampled}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	r.Header.Set(traceHeader, here.XRay())
	return r, t
}

// end exports the span of an answered request.
func (t *requestTrace) end(to Spans, status int, header http.Header) {
	if !t.sampled {
		return
	}
	t.span.End = time.Now()
	t.span.Attributes = append(t.span.Attributes, otlp.Attribute{Key: "http.response.status_code", Value: int64(status)})
	if arn := header.Get("X-Amz-Durable-Execution-Arn"); arn != "" {
		t.span.Attributes = append(t.span.Attributes, otlp.Attribute{Key: "durable.execution.arn", Value: arn})
	}
	if status >= http.StatusInternalServerError {
		t.span.Failure = http.StatusText(status)
	}
	to.Export(&t.span)
}
