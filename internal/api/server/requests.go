package server

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/observe/metrics"
	"github.com/perdure/perdure/internal/observe/otlp"
)

// load is what the servers of one engine carry together.
type load struct {
	bodies budget
	open   atomic.Int64 // requests

	mu         sync.Mutex
	operations map[string]*operation
	ports      []*connections
}

// operation counts the requests for an operation.
type operation struct {
	name     string
	answered sync.Map // status -> *atomic.Uint64
	seconds  *metrics.Histogram
}

func newLoad(bodyBytes int64) *load {
	return &load{bodies: budget{most: bodyBytes}, operations: map[string]*operation{}}
}

// add adds a server with these faces. It returns where to count each route, and requests without one. There are few
// operations: nothing that a client can choose is in them.
func (l *load) add(faces []*route.Face, c *connections) map[*route.Route]*operation {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ports = append(l.ports, c)
	named := func(name string) *operation {
		o := l.operations[name]
		if o == nil {
			o = &operation{name: name, seconds: metrics.NewHistogram(metrics.Seconds)}
			l.operations[name] = o
		}
		return o
	}
	all := map[*route.Route]*operation{nil: named("unknown")}
	for _, f := range faces {
		for i := range f.Routes {
			all[&f.Routes[i]] = named(f.Routes[i].Operation)
		}
	}
	return all
}

// count counts an answered request.
func (o *operation) count(status int, began time.Time) {
	n, ok := o.answered.Load(status)
	if !ok {
		n, _ = o.answered.LoadOrStore(status, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
	o.seconds.Since(began)
}

// answer remembers the operation, and the status of the answer.
type answer struct {
	http.ResponseWriter
	asked  asked
	status int
	// admitted is the request with its caller, once that may ask for it, or at least may read.
	admitted *http.Request
}

// WriteHeader implements [http.ResponseWriter].
func (w *answer) WriteHeader(status int) {
	if w.status < http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *answer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Flush implements [http.Flusher].
func (w *answer) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap is for [http.ResponseController].
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// counted finds the operations of requests, and counts those that next answers.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		path, function := pathOf(r.URL), ""
		if s.runtime != nil && !strings.HasPrefix(path, doorPrefix) {
			s.runtime.ServeHTTP(w, r)
			return
		}
		if s.doors != nil {
			path, function = s.doors.enter(r, path)
		}
		counted := &answer{ResponseWriter: w, asked: s.find(r.Method, path)}
		asked := &counted.asked
		asked.function = function
		var trace *requestTrace
		if s.spans != nil && !asked.isQuiet() {
			r, trace = traced(r, asked.operation.name)
		}
		s.load.open.Add(1)
		defer func() {
			s.load.open.Add(-1)
			asked.operation.count(counted.status, began) // 0 if the client hung up before
			if trace != nil {
				trace.end(s.spans, counted.status, counted.Header())
			}
		}()
		next.ServeHTTP(counted, r)
	})
}

// pathOf is a request's path as it came. EscapedPath would decode that once more, to check what was just parsed: 1.3 µs
// of a checkpoint, whose path is an ARN.
func pathOf(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}

// WriteMetrics adds the counts of the server, and of those beside it.
func (s *Server) WriteMetrics(e *metrics.Exposition) {
	l := s.load
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Counter("perdure_http_requests_total",
		"Requests answered, by operation of the API and HTTP status; status 0 is a client that hung up before.")
	used := func(each func(*operation)) {
		for _, name := range slices.Sorted(maps.Keys(l.operations)) {
			if o := l.operations[name]; o.seconds.Read().Count() > 0 {
				each(o)
			}
		}
	}
	used(func(o *operation) {
		for status, n := range o.answered.Range {
			e.Add(float64(n.(*atomic.Uint64).Load()), "operation", o.name, "status", strconv.Itoa(status.(int)))
		}
	})
	e.Histogram("perdure_http_request_seconds",
		"Time from a request's header to the end of its answer. Synchronous invocations wait for their executions.")
	used(func(o *operation) { e.AddDistribution(o.seconds.Read(), "operation", o.name) })
	e.Gauge("perdure_http_requests_open", "Requests that are not answered yet.")
	e.Add(float64(l.open.Load()))
	e.Gauge("perdure_http_connections", "Connections of clients.")
	connections := 0
	for _, c := range l.ports {
		connections += c.count()
	}
	e.Add(float64(connections))
	e.Gauge("perdure_http_body_bytes", "Memory that the bodies of open requests take.")
	e.Add(float64(l.bodies.taken.Load()))
}

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
		Trace: client.Trace, ID: otlp.NewSpanID(), Parent: client.Span, Name: operation, Kind: otlp.Server,
		Start: time.Now(),
		Attributes: []otlp.Attribute{{Key: "http.request.method", Value: clip(r.Method)},
			{Key: "url.path", Value: clip(r.URL.EscapedPath())}},
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
	t.span.Attributes = append(t.span.Attributes,
		otlp.Attribute{Key: "http.response.status_code", Value: int64(status)})
	if arn := header.Get("X-Amz-Durable-Execution-Arn"); arn != "" {
		t.span.Attributes = append(t.span.Attributes, otlp.Attribute{Key: "durable.execution.arn", Value: arn})
	}
	if status >= http.StatusInternalServerError {
		t.span.Failure = http.StatusText(status)
	}
	to.Export(&t.span)
}
