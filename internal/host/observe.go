package host

import (
	"cmp"
	"context"
	"encoding/hex"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/overview"
	"github.com/perdure/perdure/internal/observe/metrics"
	"github.com/perdure/perdure/internal/observe/otlp"
	"github.com/perdure/perdure/protocol"
)

// writeMetrics answers with all counts, in the text format of Prometheus.
func (h *Host) writeMetrics(w http.ResponseWriter, r *http.Request) {
	var e metrics.Exposition
	h.engineMetrics(&e)
	h.functionMetrics(&e)
	h.storeMetrics(r.Context(), &e)
	h.nodeMetrics(r.Context(), &e)
	h.processMetrics(&e)
	h.server.WriteMetrics(&e)
	programMetrics(&e, h.opts.Version)
	w.Header().Set("Content-Type", metrics.ContentType)
	_, _ = e.WriteTo(w) // a failure means that the client is gone
}

func (h *Host) engineMetrics(e *metrics.Exposition) {
	s := h.Engine.Stats()
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
	e.Histogram("perdure_late_seconds", "Time between the moment at which something of an execution was due and the "+
		"engine's looking at it.")
	e.AddDistribution(metrics.Distribution(s.Late))
	for _, gauge := range []struct {
		name, help string
		value      int
	}{
		{"perdure_invocations_running", "Invocations and calls under way.", s.Invoking},
		{"perdure_invocations_waiting", "Invocations and calls that wait for a place among their function's.",
			s.Waiting},
		{"perdure_due_backlog", "Executions that are due and have not been looked at, of those scheduled.", s.Backlog},
		{"perdure_executions_scheduled", "Executions that are due next, of which a few thousand are in memory.",
			s.Scheduled},
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

func (h *Host) storeMetrics(ctx context.Context, e *metrics.Exposition) {
	if open, err := h.data.CountOpen(ctx); err == nil {
		e.Gauge("perdure_executions", "Executions that have not ended, by status.")
		each(open, func(status string, n int64) { e.Add(float64(n), "status", status) })
	}
	s := h.Engine.Figures().Store(ctx)
	e.Histogram("perdure_store_commit_seconds", "Time that a transaction took until it was on disk.")
	e.AddDistribution(metrics.Distribution(s.Commit))
	e.Histogram("perdure_store_commit_changes", "Changes that shared a transaction.")
	e.AddDistribution(metrics.Distribution(s.Changes))
	e.Gauge("perdure_store_waiting", "Changes that wait for their transaction to begin.")
	e.Add(float64(s.Waiting))
	e.Gauge("perdure_store_bytes", "Size of the database on disk.")
	e.Add(float64(s.Bytes))
}

// functionMetrics are of the versions that have something to do: there may be thousands that have not.
func (h *Host) functionMetrics(e *metrics.Exposition) {
	loads := slices.DeleteFunc(h.Engine.Figures().Loads(), func(l engine.Load) bool { return l.Running+l.Waiting == 0 })
	for _, gauge := range []struct {
		name, help string
		value      func(*engine.Load) int
	}{
		{"perdure_function_running", "Invocations and calls under way, of versions that have any or wait for places.",
			func(l *engine.Load) int { return l.Running }},
		{"perdure_function_allowed", "How many of these may be under way at one time.",
			func(l *engine.Load) int { return l.Allowed }},
		{"perdure_function_waiting", "How many of these wait for a place.",
			func(l *engine.Load) int { return l.Waiting }},
	} {
		e.Gauge(gauge.name, gauge.help)
		for i := range loads {
			e.Add(float64(gauge.value(&loads[i])), "function", loads[i].Function, "version", loads[i].Version)
		}
	}
}

// nodeMetrics are about the fleet, as this node sees it.
func (h *Host) nodeMetrics(ctx context.Context, e *metrics.Exposition) {
	nodes, err := h.Engine.Nodes(ctx)
	if err != nil {
		return // the store is away, as other metrics say
	}
	counts := map[engine.NodeState]int{}
	for i := range nodes {
		counts[nodes[i].State()]++
	}
	e.Gauge("perdure_nodes", "Engines that serve from the same store; dead ones are counted for an hour.")
	for _, state := range []engine.NodeState{
		engine.NodeAlive, engine.NodeDraining, engine.NodeGone, engine.NodeDead,
	} {
		e.Add(float64(counts[state]), "state", string(state))
	}
	for i := range nodes {
		n := &nodes[i]
		if !n.Self || n.Until == 0 {
			continue
		}
		e.Gauge("perdure_node_lease_seconds", "What is left of this node's lease.")
		e.Add(n.Until.Sub(protocol.TimestampOf(time.Now().Add(n.Lag))).Seconds())
		e.Gauge("perdure_node_executions", "Executions that this node works on, roughly.")
		e.Add(float64(n.Owns))
		e.Gauge("perdure_node_clock_lag_seconds", "How far this machine's clock is behind the database's.")
		e.Add(n.Lag.Seconds())
		s := h.Engine.Stats()
		e.Counter("perdure_node_claims_total", "Executions and calls of nobody that this node took on.")
		e.Add(float64(s.Claimed))
		e.Counter("perdure_node_takeovers_total", "Executions with which this node went on for one that died.")
		e.Add(float64(s.TakenOver))
		e.Counter("perdure_node_leases_lost_total", "Leases of this node that ended before their time.")
		e.Add(float64(s.LeasesLost))
	}
}

func (h *Host) processMetrics(e *metrics.Exposition) {
	e.Gauge("perdure_function_processes", "Processes of functions, by what they do: idle ones wait for an invocation.")
	for _, s := range h.sandboxes() {
		for _, n := range []struct {
			state string
			n     int
		}{{"busy", s.Busy}, {"idle", s.Idle}, {"starting", s.Starting}, {"ending", s.Ending}} {
			e.Add(float64(n.n), "function", s.FunctionName, "version", s.Version, "state", n.state)
		}
	}
}

// sandboxes are the processes of function versions, ordered by these.
func (h *Host) sandboxes() []overview.Sandbox {
	// While a build takes over from another, a version has two pools.
	counts := map[[2]string]overview.Sandbox{}
	for _, pool := range h.allPools() {
		name, version := pool.Function()
		s, n := counts[[2]string{name, version}], pool.Processes()
		counts[[2]string{name, version}] = overview.Sandbox{
			FunctionName: name, Version: version, Starting: s.Starting + n.Starting, Busy: s.Busy + n.Busy,
			Idle: s.Idle + n.Idle, Ending: s.Ending + n.Ending,
		}
	}
	return slices.SortedFunc(maps.Values(counts), func(a, b overview.Sandbox) int {
		return cmp.Or(cmp.Compare(a.FunctionName, b.FunctionName), cmp.Compare(a.Version, b.Version))
	})
}

// programMetrics are about this program as such, by their usual names.
func programMetrics(e *metrics.Exposition, version string) {
	e.Gauge("perdure_build_info", "The program's version, as a labeh.")
	e.Add(1, "version", version, "goversion", runtime.Version())
	e.Gauge("process_start_time_seconds", "When the program started, in seconds since 1970.")
	e.Add(float64(overview.Started().UnixMilli()) / 1000)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	e.Gauge("go_goroutines", "Goroutines.")
	e.Add(float64(runtime.NumGoroutine()))
	e.Gauge("go_memstats_heap_inuse_bytes", "Memory of the heap that is in use.")
	e.Add(float64(m.HeapInuse))
	e.Gauge("go_memstats_sys_bytes", "Memory taken from the operating system.")
	e.Add(float64(m.Sys))
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
	_, _ = hex.Decode(s.ID[:], []byte(x.SpanID)) // the engine's own, so it is valid
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
