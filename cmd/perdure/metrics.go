package main

import (
	"context"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/perdure/perdure/internal/observe/metrics"
)

// started is when this process did.
var started = time.Now()

// writeMetrics answers with what an engine and all around it have counted, in
// the text format of Prometheus.
func (l *local) writeMetrics(w http.ResponseWriter, r *http.Request) {
	var e metrics.Exposition
	l.engineMetrics(&e)
	l.storeMetrics(r.Context(), &e)
	l.processMetrics(&e)
	l.server.WriteMetrics(&e)
	programMetrics(&e)
	w.Header().Set("Content-Type", metrics.ContentType)
	_, _ = e.WriteTo(w) // a failure means that the client is gone
}

func (l *local) engineMetrics(e *metrics.Exposition) {
	s := l.engine.Stats()
	e.Counter("perdure_executions_started_total", "Executions started.")
	e.Add(float64(s.Started))
	e.Counter("perdure_executions_closed_total", "Executions that ended, by what they ended as.")
	each(s.Closed, func(status string, n uint64) { e.Add(float64(n), "status", status) })
	e.Counter("perdure_events_total", "Events added to histories.")
	each(s.Events, func(kind string, n uint64) { e.Add(float64(n), "type", kind) })
	e.Counter("perdure_invocations_total", "Invocations of durable functions that ended, by how.")
	each(s.Invocations, func(outcome string, n uint64) { e.Add(float64(n), "outcome", outcome) })
	e.Counter("perdure_calls_total", "Calls of functions that are not durable.")
	e.Add(float64(s.Calls))
	e.Histogram("perdure_checkpoint_seconds", "Time that a checkpoint took until it was durable.")
	e.AddDistribution(metrics.Distribution(s.Checkpoint))
	e.Histogram("perdure_late_seconds", "Time between the moment at which something of an execution was due and the engine's looking at it.")
	e.AddDistribution(metrics.Distribution(s.Late))
	for _, gauge := range []struct {
		name, help string
		value      int
	}{
		{"perdure_invocations_running", "Invocations and calls under way.", s.Invoking},
		{"perdure_invocations_waiting", "Invocations and calls that wait for a place among their function's.", s.Waiting},
		{"perdure_due_backlog", "Executions that are due and have not been looked at, of those scheduled.", s.Backlog},
		{"perdure_executions_scheduled", "Executions that are due next, of which a few thousand are in memory.", s.Scheduled},
		{"perdure_executions_in_memory", "Executions held in memory.", s.InMemory},
		{"perdure_executions_memory_bytes", "What idle executions take in memory.", s.MemoryBytes},
	} {
		e.Gauge(gauge.name, gauge.help)
		e.Add(float64(gauge.value))
	}
}

// each yields the entries of m in order.
func each[K ~string, V any](m map[K]V, yield func(string, V)) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		yield(string(key), m[key])
	}
}

func (l *local) storeMetrics(ctx context.Context, e *metrics.Exposition) {
	if open, err := l.store.CountOpen(ctx); err == nil {
		e.Gauge("perdure_executions", "Executions that have not ended, by status.")
		each(open, func(status string, n int64) { e.Add(float64(n), "status", status) })
	}
	s := l.store.Stats()
	e.Histogram("perdure_store_commit_seconds", "Time that a transaction took until it was on disk.")
	e.AddDistribution(metrics.Distribution(s.Commit))
	e.Histogram("perdure_store_commit_changes", "Changes that shared a transaction.")
	e.AddDistribution(metrics.Distribution(s.Group))
	e.Gauge("perdure_store_bytes", "Size of the database on disk.")
	e.Add(float64(l.store.Size()))
}

func (l *local) processMetrics(e *metrics.Exposition) {
	e.Gauge("perdure_function_processes", "Processes of functions, by whether they wait for an invocation.")
	l.poolsMu.Lock()
	pools := slices.Concat(l.pools, l.versions.pools())
	l.poolsMu.Unlock()
	for _, pool := range pools {
		name, version := pool.Function()
		all, idle := pool.Processes()
		e.Add(float64(all-idle), "function", name, "version", version, "state", "busy")
		e.Add(float64(idle), "function", name, "version", version, "state", "idle")
	}
}

// programMetrics are about this program as such, by the names that they have
// everywhere.
func programMetrics(e *metrics.Exposition) {
	e.Gauge("perdure_build_info", "The program's version, as a label.")
	e.Add(1, "version", version(), "goversion", runtime.Version())
	e.Gauge("process_start_time_seconds", "When the program started, in seconds since 1970.")
	e.Add(float64(started.UnixMilli()) / 1000)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	e.Gauge("go_goroutines", "Goroutines.")
	e.Add(float64(runtime.NumGoroutine()))
	e.Gauge("go_memstats_heap_inuse_bytes", "Memory of the heap that is in use.")
	e.Add(float64(m.HeapInuse))
	e.Gauge("go_memstats_sys_bytes", "Memory taken from the operating system.")
	e.Add(float64(m.Sys))
}
