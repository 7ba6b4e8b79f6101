package page

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/overview"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// figureStyle is the style sheet of pages with charts.
const figureStyle = "figures"

// functionsPage is the list of functions.
type functionsPage struct {
	Functions []functionRow
	Node      string // whose figures these are, in a fleet
}

// functionRow is a function with the versions that are shown in the list.
type functionRow struct {
	Name     string
	Versions []versionRow
	More     int // versions with nothing to tell, which are not shown
}

// versionRow is a version in a table.
type versionRow struct {
	*overview.Version
	Function string
	Aliases  []overview.AliasShare
	Chosen   bool   // it is the one that the page describes
	Ended    *chart // nil if nothing is counted
}

// Path is the page of the version.
func (v versionRow) Path() string {
	return Prefix + "function?" + url.Values{"name": {v.Function}, "version": {v.Version.Version}}.Encode()
}

// OpenPath lists the open executions of the version.
func (v versionRow) OpenPath() string {
	f := engine.Filter{Function: v.Function, Qualifier: v.Version.Version, Statuses: []protocol.ExecutionStatus{
		protocol.ExecutionRunning, protocol.ExecutionPausing, protocol.ExecutionPaused}}
	return listPath(&f)
}

// StateClass is the style of its state.
func (v versionRow) StateClass() string {
	switch v.State {
	case engine.StateActive:
		return "alive"
	case engine.StateDeleting:
		return "draining"
	}
	return "dead"
}

// InvokeCommand starts an execution of it in a terminal.
func (v versionRow) InvokeCommand() string {
	name := v.Function
	if v.Version.Version != protocol.LatestVersion {
		name += ":" + v.Version.Version
	}
	return "perdure invoke " + name + " --event-json '{}'"
}

// Modified is when it was registered, or published.
func (v versionRow) Modified() protocol.Timestamp { return protocol.Timestamp(v.LastModified) }

// Timeout is that of an invocation, in words.
func (v versionRow) Timeout() string { return wholeTime(v.Settings.TimeoutSeconds) }

// ExecutionTimeout is that of an execution, in words.
func (v versionRow) ExecutionTimeout() string { return wholeTime(v.Settings.ExecutionTimeoutSeconds) }

func wholeTime(seconds float64) string {
	return text.Duration(time.Duration(seconds * float64(time.Second)))
}

// CodeText says which code it is.
func (v versionRow) CodeText() string {
	if v.CodeSize == 0 {
		return ""
	}
	return bytesText(v.CodeSize) + ", SHA-256 " + v.CodeSha256
}

// EndedCount is how many executions, or calls of a plain function, ended in the last hour.
func (v versionRow) EndedCount() uint64 {
	if v.Durable {
		return v.LastHour.Ended()
	}
	return v.LastHour.Invocations
}

// FailedCount is how many of these failed.
func (v versionRow) FailedCount() uint64 {
	if v.Durable {
		return v.LastHour.Unsuccessful()
	}
	return v.LastHour.FailedInvocations
}

// FailedPath lists those that failed.
func (v versionRow) FailedPath() string {
	f := engine.Filter{Function: v.Function, Qualifier: v.Version.Version, Statuses: unsuccessful}
	return listPath(&f)
}

var unsuccessful = []protocol.ExecutionStatus{protocol.ExecutionFailed, protocol.ExecutionTimedOut}

// listPath is the list of the executions that pass a filter.
func listPath(f *engine.Filter) string { return Prefix + "?" + f.Values().Encode() }

func versionRowOf(f *overview.Function, v *overview.Version) versionRow {
	row := versionRow{Version: v, Function: f.FunctionName, Aliases: f.AliasesTo(v.Version)}
	if v.Tally != nil {
		ended := endedChart(v.Tally, v.Durable)
		row.Ended = &ended
	}
	return row
}

// telling reports whether a version is worth a row in the list of all functions.
func (v versionRow) telling() bool {
	return v.Version.Version == protocol.LatestVersion || len(v.Aliases) > 0 || v.OpenExecutions > 0 || v.Tally != nil
}

func (s *site) listFunctions(r *http.Request) (frame, error) {
	all, err := s.overview.ListFunctions(r.Context())
	if err != nil {
		return frame{}, err
	}
	p := &functionsPage{Node: s.overview.Engine.NodeID()}
	for _, f := range all {
		row := functionRow{Name: f.FunctionName}
		for i, v := range f.Versions {
			if one := versionRowOf(f, v); i == 0 || one.telling() {
				row.Versions = append(row.Versions, one)
			} else {
				row.More++
			}
		}
		p.Functions = append(p.Functions, row)
	}
	return frame{Title: "Functions", Style: figureStyle, Section: sectionFunctions, Live: liveAll, Page: p}, nil
}

// functionPage is one function, and one of its versions in particular.
type functionPage struct {
	Name     string
	Versions []versionRow
	Chosen   versionRow
	Doing    []doingCount // what its open executions do
	Failures []*failureGroup
	Timings  []timing
	Started  *chart
	Slowest  []operationRow
	Retried  []operationRow
	Waits    []waitRow
	Node     string
}

// doingCount is how many open executions do one thing.
type doingCount struct {
	Words string
	N     int
	Path  string // the list of them
}

var doingWords = map[engine.Activity]string{
	engine.Running: "running", engine.Paused: "paused", engine.Unregistered: "waiting for an unregistered version",
	engine.Retrying: "retrying", engine.Queued: "waiting for a place", engine.Callback: "waiting for a callback",
	engine.Invoke: "waiting for another function", engine.Waiting: "waiting for a moment",
}

// doingCounts are what the open executions of a function do, in the order of [engine.Activities].
func doingCounts(function string, c *engine.Counts) (all []doingCount) {
	for _, a := range engine.Activities {
		if n := c.Doing[a]; n > 0 {
			f := engine.Filter{Function: function, Doing: []engine.Activity{a}}
			all = append(all, doingCount{doingWords[a], n, listPath(&f)})
		}
	}
	return all
}

// Since is when counting began for the version.
func (p *functionPage) Since() protocol.Timestamp { return protocol.Timestamp(p.Chosen.Figures.Since) }

// operationRow is what operations of one name did, in words.
type operationRow struct {
	overview.Operation
	Kind                  string
	Mean, P95, Max, Total string
}

// waitRow is what executions waited for, in words.
type waitRow struct {
	For                   string
	Count                 uint64
	Mean, P95, Max, Total string
	Share                 int // of all that time, in percent
}

// shownOperations is how many operations are in a table.
const shownOperations = 10

func (s *site) function(r *http.Request) (frame, error) {
	q := r.URL.Query()
	f, err := s.overview.Function(r.Context(), q.Get("name"))
	if err != nil {
		return frame{}, err
	}
	p := &functionPage{Name: f.FunctionName, Node: s.overview.Engine.NodeID()}
	for _, v := range f.Versions {
		p.Versions = append(p.Versions, versionRowOf(f, v))
	}
	at := chosenVersion(p.Versions, q.Get("version"))
	if at < 0 {
		return frame{}, protocol.Errorf(protocol.CodeNotFound, "%s has no version %q.", f.FunctionName,
			protocol.Clip(q.Get("version"), 20))
	}
	p.Versions[at].Chosen = true
	p.Chosen = p.Versions[at]
	counts, err := s.engine.Count(r.Context(), &engine.Filter{Function: f.FunctionName})
	if err != nil {
		return frame{}, err
	}
	p.Doing = doingCounts(f.FunctionName, counts)
	if p.Failures, err = s.failures(r, counts, mostFailures, &engine.Filter{}); err != nil {
		return frame{}, err
	}
	if v := p.Chosen; v.Figures != nil {
		p.addFigures(v)
	}
	out := frame{Title: f.FunctionName, Style: figureStyle, Section: sectionFunctions, Live: liveAll, Page: p}
	if s.areOld(r.Context(), counts) {
		out.Refresh = countAgain
	}
	return out, nil
}

// chosenVersion is the version that was asked for, or else the one that was invoked most in the last hour, or the
// first; -1 if there is none of that name.
func chosenVersion(versions []versionRow, asked string) (at int) {
	if asked != "" {
		return slices.IndexFunc(versions, func(v versionRow) bool { return v.Version.Version == asked })
	}
	most := uint64(0)
	for i, v := range versions {
		if v.LastHour != nil && v.LastHour.Invocations > most {
			at, most = i, v.LastHour.Invocations
		}
	}
	return at
}

func (p *functionPage) addFigures(v versionRow) {
	started := startedChart(v.Tally)
	p.Started = &started
	if v.Durable {
		p.Timings = append(p.Timings,
			timingOf("Executions, start to end", v.Tally,
				func(m *engine.Minute) *engine.Times { return &m.Executions }),
			timingOf("Attempts of steps", v.Tally, func(m *engine.Minute) *engine.Times { return &m.Attempts }))
	}
	p.Timings = append(p.Timings,
		timingOf("Invocations", v.Tally, func(m *engine.Minute) *engine.Times { return &m.Invocations }))
	p.Timings[len(p.Timings)-1].Note = coldStarts(v.LastHour)
	operations := v.Figures.Operations
	for _, o := range operations[:min(len(operations), shownOperations)] {
		p.Slowest = append(p.Slowest, operationRowOf(o))
	}
	retried := slices.Clone(operations)
	slices.SortStableFunc(retried, func(a, b overview.Operation) int { return cmp.Compare(b.Retries, a.Retries) })
	for _, o := range retried[:min(len(retried), shownOperations)] {
		if o.Retries > 0 {
			p.Retried = append(p.Retried, operationRowOf(o))
		}
	}
	all := 0.0
	for _, w := range v.Figures.Waits {
		all += w.TotalSeconds
	}
	for _, w := range v.Figures.Waits {
		row := waitRow{
			For: overview.WaitWords[w.For], Count: w.Times.Count, Mean: spaced(w.Times.MeanSeconds),
			P95: spaced(w.Times.P95Seconds), Max: spaced(w.Times.MaxSeconds), Total: spaced(w.TotalSeconds),
		}
		if all > 0 {
			row.Share = int(100*w.TotalSeconds/all + .5)
		}
		p.Waits = append(p.Waits, row)
	}
}

// coldStarts says how many invocations of an hour waited for a process to start; empty if none did.
func coldStarts(h *overview.Hour) string {
	c := h.ColdStarts
	switch c.Count {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("1 of %s was a cold start, %s of it", grouped(int(h.Invocations)), spaced(c.MostSeconds))
	}
	return fmt.Sprintf("%s of %s were cold starts, %s each on average, %s at most", grouped(int(c.Count)),
		grouped(int(h.Invocations)), spaced(c.MeanSeconds), spaced(c.MostSeconds))
}

func operationRowOf(o overview.Operation) operationRow {
	row := operationRow{
		Operation: o, Kind: strings.ToLower(strings.ReplaceAll(string(o.Type), "_", " ")),
		Mean: spaced(o.Times.MeanSeconds), P95: spaced(o.Times.P95Seconds), Max: spaced(o.Times.MaxSeconds),
		Total: spaced(o.TotalSeconds),
	}
	if o.Others {
		row.Kind = "all others"
	}
	return row
}

func spaced(seconds float64) string {
	return text.Spaced(time.Duration(seconds * float64(time.Second)))
}
