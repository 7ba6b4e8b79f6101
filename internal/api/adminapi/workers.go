package adminapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/protocol"
)

// What workers on other machines say to their engine; see package attached.

// Joined answers a worker that joins.
type Joined struct {
	Worker    string // its id
	Version   string
	TimeoutMs int64
	MemoryMB  int `json:",omitempty"`
	Region    string
	Account   string
}

// WorkerInvocation is an invocation for a worker.
type WorkerInvocation struct {
	RequestID     string `json:"RequestId"`
	FunctionArn   string
	ExecutionArn  string `json:",omitempty"`
	TimeoutMs     int64
	Payload       []byte
	TraceID       string `json:"TraceId,omitempty"`
	TenantID      string `json:"TenantId,omitempty"`
	ClientContext string `json:",omitempty"`
}

// WorkerOutcome is how an invocation ended.
type WorkerOutcome struct {
	RequestID    string                `json:"RequestId"`
	Payload      []byte                `json:",omitempty"`
	Error        *protocol.ErrorObject `json:",omitempty"`
	ErrorPayload []byte                `json:",omitempty"`
	Unstarted    bool                  `json:",omitempty"`
}

// WorkerBeat names a worker's invocations, and brings functions' output.
type WorkerBeat struct {
	Running []string     `json:",omitempty"`
	Lines   []WorkerLine `json:",omitempty"`
}

// WorkerLine is a line that a function wrote.
type WorkerLine struct {
	Time         time.Time
	ExecutionArn string
	RequestID    string `json:"RequestId"`
	Stream       string
	Text         string
}

// BeatAnswer tells a worker which invocations it should end.
type BeatAnswer struct {
	Cancelled []string `json:",omitempty"`
}

// MaxBeat bounds a beat in bytes, as [protocol.Weight] counts its JSON.
const MaxBeat = 8 << 20

// maxOutcome bounds an outcome: a payload in base64, or two of them for an error.
const maxOutcome = 3*protocol.MaxSyncPayload + 1<<20

// Weight bounds what the line adds to a beat, however its text is escaped.
func (l *WorkerLine) Weight() int {
	const members = 6 // with the line itself
	return 6*len(l.Text) + len(l.ExecutionArn) + len(l.RequestID) + len(l.Stream) + members*(protocol.ValueCost+32)
}

type workerEngine interface {
	Log(line engine.LogLine)
	NodeID() string
	Elsewhere(ctx context.Context, can func(*engine.Node) bool, refusal *protocol.Error) error
}

// pollTime is how long a worker's request for an invocation waits.
const pollTime = 20 * time.Second

// A worker's id names the node that it attached to, so that any other node knows whose it is: NODE.WORKER.
const afterNode = "."

var (
	errNoWorkers = protocol.Errorf(protocol.CodeNotFound, "No worker can attach to this engine.")
	errNoWorker  = protocol.Errorf(protocol.CodeNotFound,
		"There is no such worker: it has not joined, or nothing was heard of it for too long.")
	errNotHeld = protocol.Errorf(protocol.CodeNotFound, "The worker does not have this invocation, or not any more.")
)

// known returns err, of a hub, in words.
func known(err error, unknown *protocol.Error) error {
	if errors.Is(err, attached.ErrUnknown) {
		return unknown
	}
	return err
}

// forWorker is a route of workers that are attached here, or to the node that the worker's id names. Of a stranger
// nothing is read.
func (a *api) forWorker(
	serve func(w http.ResponseWriter, r *http.Request, worker, function string) error,
) func(http.ResponseWriter, *http.Request, string) error {
	return func(w http.ResponseWriter, r *http.Request, name string) error {
		node, worker, ofNode := strings.Cut(name, afterNode)
		if !ofNode {
			worker = name
		}
		function, err := "", attached.ErrUnknown
		if a.opts.Workers != nil {
			function, err = a.opts.Workers.FunctionOf(worker)
		}
		if err == nil {
			return serve(w, r, worker, function)
		}
		if ofNode {
			err := a.engine.Elsewhere(r.Context(), func(n *engine.Node) bool { return n.ID == node }, errNoWorker)
			if err != nil {
				return err
			}
		}
		return known(err, errNoWorker)
	}
}

func (a *api) join(w http.ResponseWriter, r *http.Request, function string) error {
	hub := a.opts.Workers
	if hub == nil || !hub.Has(function) {
		return a.joinElsewhere(r.Context(), function)
	}
	var about struct{ From string }
	if err := readJSON(r, &about, smallBody); err != nil {
		return err
	}
	id, s, err := hub.Join(function, about.From[:min(len(about.From), 100)]+" "+r.RemoteAddr)
	if err != nil {
		return err
	}
	if node := a.engine.NodeID(); node != "" {
		id = node + afterNode + id
	}
	return reply(w, Joined{id, s.Version, s.Timeout.Milliseconds(), s.MemoryMB, s.Region, s.Account})
}

// joinElsewhere leads a worker to a node to which workers of its function attach, or refuses it.
func (a *api) joinElsewhere(ctx context.Context, function string) error {
	refusal := protocol.Errorf(protocol.CodeNotFound, "The engine has no function %s that workers attach to; "+
		"it is declared with: perdure serve --attach NAME", function)
	err := a.engine.Elsewhere(ctx, func(n *engine.Node) bool {
		return !n.Draining && slices.Contains(n.Attach, function)
	}, refusal)
	switch {
	case err != nil:
		return err
	case a.opts.Workers == nil:
		return errNoWorkers
	}
	return refusal
}

func (a *api) next(w http.ResponseWriter, r *http.Request, worker, _ string) error {
	ctx, cancel := context.WithTimeout(r.Context(), pollTime)
	defer cancel()
	inv, err := a.opts.Workers.Next(ctx, worker)
	if err != nil {
		return known(err, errNoWorker)
	}
	if inv == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return reply(w, WorkerInvocation{
		RequestID: inv.RequestID, FunctionArn: inv.FunctionARN, ExecutionArn: inv.ExecutionARN,
		TimeoutMs: inv.Timeout.Milliseconds(),
		Payload:   inv.Payload, TraceID: inv.TraceID, TenantID: inv.TenantID, ClientContext: inv.ClientContext,
	})
}

func (a *api) outcome(w http.ResponseWriter, r *http.Request, worker, _ string) error {
	var o WorkerOutcome
	if err := readJSON(r, &o, maxOutcome); err != nil {
		return err
	}
	out := engine.Outcome{Payload: o.Payload, Error: o.Error, ErrorPayload: o.ErrorPayload, Unstarted: o.Unstarted}
	if err := a.opts.Workers.Finish(worker, o.RequestID, out); err != nil {
		return known(err, errNotHeld)
	}
	return reply(w, struct{}{})
}

func (a *api) beat(w http.ResponseWriter, r *http.Request, worker, function string) error {
	var b WorkerBeat
	if err := readJSON(r, &b, MaxBeat); err != nil {
		return err
	}
	a.keepLines(function, b.Lines)
	cancelled, err := a.opts.Workers.Beat(worker, b.Running)
	if err != nil {
		return known(err, errNoWorker)
	}
	return reply(w, BeatAnswer{cancelled})
}

// maxRequestID bounds the request ids in lines: they are UUIDs.
const maxRequestID = 64

// streams are the possible streams of a line.
var streams = []string{"stdout", "stderr", "notice"}

// keepLines stores the output of a worker's function, for its own executions. Only the text may take room, since
// that bounds a log.
func (a *api) keepLines(function string, lines []WorkerLine) {
	for _, l := range lines {
		if !slices.Contains(streams, l.Stream) || len(l.RequestID) > maxRequestID {
			continue
		}
		if arn, err := protocol.ParseARN(l.ExecutionArn); l.ExecutionArn != "" &&
			(err != nil || arn.Function != function) {
			continue
		}
		a.engine.Log(engine.LogLine{Time: l.Time, ExecutionARN: l.ExecutionArn, RequestID: l.RequestID,
			Stream: l.Stream, Text: l.Text})
	}
}

func (a *api) leave(w http.ResponseWriter, _ *http.Request, worker, _ string) error {
	if err := a.opts.Workers.Leave(worker); err != nil {
		return known(err, errNoWorker)
	}
	return reply(w, struct{}{})
}
