package server

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/observe/metrics"
)

// requests counts requests by their operations, and traces them.
type requests struct {
	spans    Spans    // nil if they are not traced
	answered sync.Map // answerKey -> *atomic.Uint64
	seconds  sync.Map // operation -> *metrics.Histogram
	open     atomic.Int64
}

type answerKey struct {
	operation string
	status    int
}

// count counts an answered request. There are few operations: nothing that a client can choose is in them.
func (q *requests) count(operation string, status int, began time.Time) {
	key := answerKey{operation, status}
	n, ok := q.answered.Load(key)
	if !ok {
		n, _ = q.answered.LoadOrStore(key, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
	h, ok := q.seconds.Load(operation)
	if !ok {
		h, _ = q.seconds.LoadOrStore(operation, metrics.NewHistogram(metrics.Seconds))
	}
	h.(*metrics.Histogram).Since(began)
}

// answer remembers the operation, and the status of the answer.
type answer struct {
	http.ResponseWriter
	asked  asked
	status int
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
	q := &s.requests
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, function := time.Now(), ""
		if s.doors != nil {
			r, function = s.doors.enter(r)
		}
		counted := &answer{ResponseWriter: w, asked: find(s.faces, r.Method, r.URL.EscapedPath())}
		counted.asked.function = function
		operation := counted.asked.operation()
		var trace *requestTrace
		if q.spans != nil && !counted.asked.isQuiet() {
			r, trace = traced(r, operation)
		}
		q.open.Add(1)
		defer func() {
			q.open.Add(-1)
			q.count(operation, counted.status, began) // 0 if the client hung up before
			if trace != nil {
				trace.end(q.spans, counted.status, counted.Header())
			}
		}()
		next.ServeHTTP(counted, r)
	})
}

// WriteMetrics adds the server's counts.
func (s *Server) WriteMetrics(e *metrics.Exposition) {
	e.Counter("perdure_http_requests_total", "Requests answered, by operation of the API and HTTP status; status 0 is a client that hung up before.")
	for key, n := range s.requests.answered.Range {
		k := key.(answerKey)
		e.Add(float64(n.(*atomic.Uint64).Load()), "operation", k.operation, "status", strconv.Itoa(k.status))
	}
	e.Histogram("perdure_http_request_seconds", "Time from a request's header to the end of its answer. Synchronous invocations wait for their executions.")
	for operation, h := range s.requests.seconds.Range {
		e.AddDistribution(h.(*metrics.Histogram).Read(), "operation", operation.(string))
	}
	e.Gauge("perdure_http_requests_open", "Requests that are not answered yet.")
	e.Add(float64(s.requests.open.Load()))
	e.Gauge("perdure_http_connections", "Connections of clients.")
	e.Add(float64(s.connections.count()))
	e.Gauge("perdure_http_body_bytes", "Memory that the bodies of open requests take.")
	e.Add(float64(s.bodies.taken.Load()))
}
