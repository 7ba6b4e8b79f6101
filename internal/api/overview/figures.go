package overview

import (
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Hour sums up the last hour of a version.
type Hour struct {
	Started, Succeeded, Failed, TimedOut, Stopped uint64 // executions
	Invocations                                   uint64 // that ended, calls among them
	FailedInvocations                             uint64 // those that reported an error, crashed, or took too long
	ColdStarts                                    Cold
}

// Cold says how many invocations waited for a process to start, and for how long.
type Cold struct {
	Count                    uint64
	MeanSeconds, MostSeconds float64
}

// Unsuccessful counts the executions that ended without success, unless somebody stopped them.
func (h *Hour) Unsuccessful() uint64 { return h.Failed + h.TimedOut }

// Ended counts the executions that ended.
func (h *Hour) Ended() uint64 { return h.Succeeded + h.Failed + h.TimedOut + h.Stopped }

// Figures are what the executions of a version did.
type Figures struct {
	Since      protocol.Seconds // when counting began
	Minutes    []Minute         // those of the last hour, the oldest first; the last one is not over
	Operations []Operation      // by kind and name, that first which took longest in all
	Waits      []Wait           // what executions waited for, that first which took longest in all
}

// Minute is what happened in a minute.
type Minute struct {
	Begins            protocol.Seconds
	Started           uint64                              // executions
	Closed            map[protocol.ExecutionStatus]uint64 `json:",omitempty"`
	FailedInvocations uint64                              `json:",omitempty"`
	Executions        *Times                              `json:",omitempty"` // from start to end; nil if none ended
	Invocations       *Times                              `json:",omitempty"`
	Attempts          *Times                              `json:",omitempty"` // of steps
}

// Times says how long some things took.
type Times struct {
	Count                               uint64
	MeanSeconds, P95Seconds, MaxSeconds float64
}

// Operation is what operations of one kind and name did.
type Operation struct {
	Type         protocol.OperationType `json:",omitempty"`
	Name         string                 `json:",omitempty"`
	Others       bool                   `json:",omitempty"` // those for whose names there was no room
	Ended        uint64
	Failed       uint64
	Retries      uint64
	TotalSeconds float64
	Times        Times // of attempts of steps, and of other operations from start to end
}

// Wait says how long executions waited for one kind of thing.
type Wait struct {
	For          engine.Activity
	TotalSeconds float64
	Times        Times
}

// WaitWords say for people what executions wait for.
var WaitWords = map[engine.Activity]string{
	engine.Queued: "a place", engine.Retrying: "the next attempt", engine.Callback: "a callback",
	engine.Invoke: "another function", engine.Waiting: "a moment", engine.Paused: "the end of a pause",
}

func hourOf(t *engine.Tally) *Hour {
	h, cold := &Hour{}, engine.Cold{}
	for i := range t.Minutes {
		m := &t.Minutes[i]
		h.Started += m.Started
		h.Succeeded += m.Closed[protocol.ExecutionSucceeded]
		h.Failed += m.Closed[protocol.ExecutionFailed]
		h.TimedOut += m.Closed[protocol.ExecutionTimedOut]
		h.Stopped += m.Closed[protocol.ExecutionStopped]
		h.Invocations += m.Invocations.Count
		h.FailedInvocations += m.FailedInvocations
		cold.Count += m.ColdStarts.Count
		cold.Total += m.ColdStarts.Total
		cold.Most = max(cold.Most, m.ColdStarts.Most)
	}
	if cold.Count > 0 {
		h.ColdStarts = Cold{cold.Count, seconds(cold.Total / time.Duration(cold.Count)), seconds(cold.Most)}
	}
	return h
}

func figuresOf(t *engine.Tally) *Figures {
	f := &Figures{Since: protocol.Seconds(t.Since), Operations: []Operation{}, Waits: []Wait{}}
	for i := range t.Minutes {
		m := &t.Minutes[i]
		f.Minutes = append(f.Minutes, Minute{
			Begins: protocol.Seconds(m.Begins), Started: m.Started, Closed: m.Closed,
			FailedInvocations: m.FailedInvocations, Executions: unlessNone(m.Executions),
			Invocations: unlessNone(m.Invocations), Attempts: unlessNone(m.Attempts),
		})
	}
	for _, o := range t.Operations {
		f.Operations = append(f.Operations, Operation{
			Type: o.Type, Name: o.Name, Others: o.Others, Ended: o.Ended, Failed: o.Failed, Retries: o.Retries,
			TotalSeconds: seconds(o.Total), Times: timesOf(o.Times),
		})
	}
	for _, w := range t.Waits {
		f.Waits = append(f.Waits, Wait{For: w.For, TotalSeconds: seconds(w.Total), Times: timesOf(w.Times)})
	}
	return f
}

func timesOf(t engine.Times) Times {
	return Times{t.Count, seconds(t.Mean), seconds(t.P95), seconds(t.Max)}
}

func unlessNone(t engine.Times) *Times {
	if t.Count == 0 {
		return nil
	}
	out := timesOf(t)
	return &out
}

// seconds are in milliseconds exactly: nothing is measured better.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond)/time.Millisecond) / 1000
}
