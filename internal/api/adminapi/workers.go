package adminapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
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
}

// pollTime is how long a worker's request for an invocation waits.
const pollTime = 20 * time.Second

// hub returns the hub of workers, or a refusal.
func (a *api) hub() (*attached.Hub, error) {
	if a.opts.Workers == nil {
		return nil, protocol.Errorf(protocol.CodeNotFound, "No worker can attach to this engine.")
	}
	return a.opts.Workers, nil
}

// unknown words the one error of a hub.
func unknown(err error, what string) error {
	if errors.Is(err, attached.ErrUnknown) {
		return protocol.Errorf(protocol.CodeNotFound, "%s", what)
	}
	return err
}

const noWorker = "There is no such worker: it has not joined, or nothing was heard of it for too long."

func (a *api) join(w http.ResponseWriter, r *http.Request, function string) error {
	hub, err := a.hub()
	if err != nil {
		return err
	}
	var about struct{ From string }
	if err := readJSON(r, &about, smallBody); err != nil {
		return err
	}
	id, s, err := hub.Join(function, about.From[:min(len(about.From), 100)]+" "+r.RemoteAddr)
	if err != nil {
		return unknown(err, "The engine has no function "+function+" that workers attach to; it is declared with: perdure serve --attach NAME")
	}
	return reply(w, Joined{id, s.Version, s.Timeout.Milliseconds(), s.MemoryMB, s.Region, s.Account})
}

func (a *api) next(w http.ResponseWriter, r *http.Request, worker string) error {
	hub, err := a.hub()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), pollTime)
	defer cancel()
	inv, err := hub.Next(ctx, worker)
	if err != nil {
		return unknown(err, noWorker)
	}
	if inv == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return reply(w, WorkerInvocation{
		RequestID: inv.RequestID, FunctionArn: inv.FunctionARN, ExecutionArn: inv.ExecutionARN, TimeoutMs: inv.Timeout.Milliseconds(),
		Payload: inv.Payload, TraceID: inv.TraceID, TenantID: inv.TenantID, ClientContext: inv.ClientContext,
	})
}

func (a *api) outcome(w http.ResponseWriter, r *http.Request, worker string) error {
	hub, err := a.hub()
	if err != nil {
		return err
	}
	if _, err := hub.FunctionOf(worker); err != nil { // read nothing of a stranger
		return unknown(err, noWorker)
	}
	var o WorkerOutcome
	if err := readJSON(r, &o, maxOutcome); err != nil {
		return err
	}
	out := engine.Outcome{Payload: o.Payload, Error: o.Error, ErrorPayload: o.ErrorPayload, Unstarted: o.Unstarted}
	if err := hub.Finish(worker, o.RequestID, out); err != nil {
		return unknown(err, "The worker does not have this invocation, or not any more.")
	}
	return reply(w, struct{}{})
}

func (a *api) beat(w http.ResponseWriter, r *http.Request, worker string) error {
	hub, err := a.hub()
	if err != nil {
		return err
	}
	function, err := hub.FunctionOf(worker)
	if err != nil {
		return unknown(err, noWorker) // read nothing of a stranger
	}
	var b WorkerBeat
	if err := readJSON(r, &b, MaxBeat); err != nil {
		return err
	}
	a.keepLines(function, b.Lines)
	cancelled, err := hub.Beat(worker, b.Running)
	if err != nil {
		return unknown(err, noWorker)
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
		if arn, err := protocol.ParseARN(l.ExecutionArn); l.ExecutionArn != "" && (err != nil || arn.Function != function) {
			continue
		}
		a.engine.Log(engine.LogLine{Time: l.Time, ExecutionARN: l.ExecutionArn, RequestID: l.RequestID, Stream: l.Stream, Text: l.Text})
	}
}

func (a *api) leave(w http.ResponseWriter, _ *http.Request, worker string) error {
	hub, err := a.hub()
	if err != nil {
		return err
	}
	if err := hub.Leave(worker); err != nil {
		return unknown(err, noWorker)
	}
	return reply(w, struct{}{})
}
