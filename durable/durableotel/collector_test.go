package durableotel_test

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/perdure/perdure/durable/durableotel"
)

// collector receives spans by OTLP over HTTP. It is made outside of a test's
// bubble, so that it never waits for virtual time.
type collector struct {
	t   *testing.T
	url string

	mu    sync.Mutex
	spans []*tracepb.Span
}

func newCollector(t *testing.T) *collector {
	c := &collector{t: t}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			c.t.Error(err)
			return
		}
		body = unzipped
	}
	data, err := io.ReadAll(body)
	request := new(collectorpb.ExportTraceServiceRequest)
	if err = cmp.Or(err, proto.Unmarshal(data, request)); err != nil || r.URL.Path != "/v1/traces" {
		c.t.Errorf("request to %s: %v", r.URL, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
}

// received returns the spans that have come.
func (c *collector) received() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// provider exports to the collector, by the exporter that functions use.
func (c *collector) provider(t testing.TB, opts ...sdktrace.TracerProviderOption) *sdktrace.TracerProvider {
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(c.url+"/v1/traces"),
		otlptracehttp.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}))
	if err != nil {
		t.Fatal(err)
	}
	opts = append([]sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.Empty()),
		durableotel.WithIDs()}, opts...)
	return sdktrace.NewTracerProvider(opts...)
}

// traces is what came, as text.
type traces struct {
	spans []*tracepb.Span
	names map[string]string // of spans, by trace and id
}

func (c *collector) traces() *traces {
	tr := &traces{spans: c.received(), names: make(map[string]string)}
	for _, s := range tr.spans {
		tr.names[key(s.TraceId, s.SpanId)] = title(s)
	}
	return tr
}

func key(traceID, spanID []byte) string {
	return hex.EncodeToString(traceID) + hex.EncodeToString(spanID)
}

// title is a span's name with what tells it from others of that name.
func title(s *tracepb.Span) string {
	name := s.Name
	for _, a := range s.Attributes {
		if a.Key == "durable.invocation.status" || a.Key == "durable.operation.status" && a.Value.GetStringValue() == "STARTED" {
			name += "[" + a.Value.GetStringValue() + "]"
		}
	}
	return name
}

func (tr *traces) name(traceID, spanID []byte) string {
	if name := tr.names[key(traceID, spanID)]; name != "" {
		return name
	}
	return "?" + hex.EncodeToString(spanID)
}

// lines has a line for each span, sorted: its name, its parent's and its links'.
func (tr *traces) lines() []string {
	var lines []string
	for _, s := range tr.spans {
		line := title(s)
		if len(s.ParentSpanId) > 0 {
			line += " < " + tr.name(s.TraceId, s.ParentSpanId)
		}
		for _, l := range s.Links {
			line += " -> " + tr.name(l.TraceId, l.SpanId)
		}
		if s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			line += " !" + s.Status.Message
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// attributes has the attributes of the one span that has this title, by name.
func (tr *traces) attributes(t *testing.T, want string) map[string]string {
	t.Helper()
	var found map[string]string
	for _, s := range tr.spans {
		if title(s) != want {
			continue
		}
		if found != nil {
			t.Errorf("there are several spans %q", want)
		}
		found = make(map[string]string)
		for _, a := range s.Attributes {
			switch v := a.Value.Value.(type) {
			case *commonpb.AnyValue_StringValue:
				found[a.Key] = v.StringValue
			case *commonpb.AnyValue_BoolValue:
				found[a.Key] = fmt.Sprint(v.BoolValue)
			case *commonpb.AnyValue_IntValue:
				found[a.Key] = fmt.Sprint(v.IntValue)
			}
		}
	}
	if found == nil {
		t.Errorf("there is no span %q", want)
	}
	return found
}

// span is the one with this title.
func (tr *traces) span(t *testing.T, want string) *tracepb.Span {
	t.Helper()
	for _, s := range tr.spans {
		if title(s) == want {
			return s
		}
	}
	t.Fatalf("there is no span %q in %q", want, tr.lines())
	return nil
}
