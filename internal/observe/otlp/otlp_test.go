package otlp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// collector keeps what it is sent.
type collector struct {
	status int

	mu       sync.Mutex
	requests []*collectorpb.ExportTraceServiceRequest
	headers  []http.Header
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	req := new(collectorpb.ExportTraceServiceRequest)
	if err := proto.Unmarshal(data, req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests, c.headers = append(c.requests, req), append(c.headers, r.Header)
	w.WriteHeader(c.status)
}

func start(t *testing.T, c *collector, env ...string) (*Exporter, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT", server.URL+"/")
	cfg, err := FromEnvironment(lookup(env...), "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	return New(cfg, slog.New(slog.NewTextHandler(&logged, nil))), &logged
}

func lookup(env ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(env); i += 2 {
			if env[i] == name {
				return env[i+1]
			}
		}
		return ""
	}
}

// TestExport: what is sent is what OpenTelemetry's own code reads.
func TestExport(t *testing.T) {
	c := &collector{status: 200}
	e, logged := start(t, c, "OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x=1", "OTEL_RESOURCE_ATTRIBUTES",
		"host.name=here,service.name=no", "OTEL_SERVICE_NAME", "shop")
	at := time.Unix(1000, 5)
	e.Export(&Span{
		Trace: TraceID{1, 2}, ID: SpanID{3}, Parent: SpanID{4}, Name: "invocation order", Kind: Server, Start: at, End: at.Add(time.Second),
		Attributes: []Attribute{{"text", "ä"}, {"number", int64(-7)}, {"yes", true}}, Failure: "it broke",
	})
	e.Export(&Span{Trace: TraceID{1, 2}, ID: SpanID{5}, Name: "root", Kind: Internal, Start: at, End: at})
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.requests) != 1 || c.headers[0].Get("Api-Key") != "a b" || c.headers[0].Get("X") != "1" ||
		c.headers[0].Get("Content-Type") != "application/x-protobuf" {
		t.Fatalf("got %d requests, headers %v", len(c.requests), c.headers)
	}
	want := new(collectorpb.ExportTraceServiceRequest)
	err := protojson.Unmarshal([]byte(`{"resourceSpans":[{
		"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"service.version","value":{"stringValue":"v1.2.3"}},{"key":"host.name","value":{"stringValue":"here"}}]},
		"scopeSpans":[{"scope":{"name":"github.com/perdure/perdure","version":"v1.2.3"},"spans":[
			{"traceId":"AQIAAAAAAAAAAAAAAAAAAA==","spanId":"AwAAAAAAAAA=","parentSpanId":"BAAAAAAAAAA=","name":"invocation order","kind":"SPAN_KIND_SERVER",
			 "startTimeUnixNano":"1000000000005","endTimeUnixNano":"1001000000005",
			 "attributes":[{"key":"text","value":{"stringValue":"ä"}},{"key":"number","value":{"intValue":"-7"}},{"key":"yes","value":{"boolValue":true}}],
			 "status":{"message":"it broke","code":"STATUS_CODE_ERROR"}},
			{"traceId":"AQIAAAAAAAAAAAAAAAAAAA==","spanId":"BQAAAAAAAAA=","name":"root","kind":"SPAN_KIND_INTERNAL","startTimeUnixNano":"1000000000005","endTimeUnixNano":"1000000000005"}
		]}]}]}`), want)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(want, c.requests[0]) {
		t.Errorf("got %s\nwant %s", protojson.Format(c.requests[0]), protojson.Format(want))
	}
	if logged.Len() > 0 {
		t.Errorf("got log %s", logged)
	}
}

// TestLosses: a collector that is slow or broken costs spans, and nothing else.
func TestLosses(t *testing.T) {
	c := &collector{status: 503}
	e, logged := start(t, c)
	c.mu.Lock() // the collector does not answer
	for range maxQueue + 2*maxBatch + 100 {
		e.Export(&Span{Name: "x"})
	}
	c.mu.Unlock()
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := logged.String(); !strings.Contains(text, "spans were lost") || !strings.Contains(text, "503") ||
		!strings.Contains(text, "queueFull=") {
		t.Errorf("got log %s", text)
	}
	e.Export(&Span{Name: "too late"}) // nobody minds
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
	never := New(&Config{URL: "http://127.0.0.1:1", Timeout: time.Minute}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = never.Close(ctx)
	<-never.done
}

func TestFromEnvironment(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for _, test := range []struct {
		env  []string
		want string // the URL, or the error's text
	}{
		{nil, "none"},
		{[]string{endpoint, "http://c:4318"}, "http://c:4318/v1/traces"},
		{[]string{endpoint, "http://c:4318/base/"}, "http://c:4318/base/v1/traces"},
		{[]string{endpoint, "http://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://d/t"}, "https://d/t"},
		{[]string{endpoint, "http://c", "OTEL_SDK_DISABLED", "TRUE"}, "none"},
		{[]string{endpoint, "http://c", "OTEL_TRACES_EXPORTER", "none"}, "none"},
		{[]string{endpoint, "http://c", "OTEL_TRACES_EXPORTER", "zipkin"}, `OTEL_TRACES_EXPORTER is "zipkin"; there are otlp and none`},
		{[]string{endpoint, "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
			`OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"; only http/protobuf is spoken`},
		{[]string{endpoint, "c:4317"},
			`"c:4317/v1/traces" is not the URL of a collector; OTEL_EXPORTER_OTLP_ENDPOINT holds one such as http://127.0.0.1:4318`},
	} {
		cfg, err := FromEnvironment(lookup(test.env...), "")
		got := "none"
		if err != nil {
			got = err.Error()
		} else if cfg != nil {
			got = cfg.URL
		}
		if got != test.want {
			t.Errorf("%q: got %s, want %s", test.env, got, test.want)
		}
	}
}

func TestParseContext(t *testing.T) {
	const root, span = "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
	for header, want := range map[string]string{
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=" + span + ";Sampled=1":      root + " " + span + " true",
		"Root=1-5759e988-bd862e3fe1be46a994272793; Sampled=0;Parent=" + span:          root + " " + span + " false",
		"Root=1-5759e988-bd862e3fe1be46a994272793":                                    root + " 0000000000000000 true",
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=nonsense-nonsens":            root + " 0000000000000000 true",
		"Self=1-a-b;Root=1-5759e988-bd862e3fe1be46a994272793;Parent=" + span + ";x=y": root + " " + span + " true",
		"00-" + root + "-" + span + "-01":                                             root + " " + span + " true",
		"00-" + root + "-" + span + "-02":                                             root + " " + span + " false",
		"00-" + root + "-" + span + "-00":                                             root + " " + span + " false",
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01":                          "none",
		"":                   "none",
		"Root=1-5759e988-bd": "none",
		"Root=1-5759e988-bd862e3fe1be46a99427279z": "none",
	} {
		got := "none"
		if c, ok := ParseContext(header); ok {
			got = fmt.Sprintf("%x %x %v", c.Trace[:], c.Span[:], c.Sampled)
			again, _ := ParseContext(c.XRay())
			if diff := cmp.Diff(c, again); diff != "" {
				t.Errorf("%s: %s read back (-want +got):\n%s", header, c.XRay(), diff)
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", header, got, want)
		}
	}
}
