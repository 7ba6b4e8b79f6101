package engine

import (
	"context"
	"iter"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Describe returns what is known of an execution. An unknown one is a ResourceNotFoundException.
func (e *Engine) Describe(ctx context.Context, arn string) (*Description, error) {
	var d *Description
	err := e.ledger.glance(ctx, arn, func(x *machine.Execution) {
		id := x.Identity()
		d = &Description{
			ARN: arn, Name: id.ARN.Name, FunctionARN: id.ARN.FunctionARN(), Version: id.ARN.Version,
			Status: x.Status(), Started: x.Started(), Closed: x.Closed(), Input: x.Input(),
			TraceHeader: id.TraceHeader, ExecutionTimeout: id.ExecutionTimeout, RetentionDays: id.RetentionDays,
			Tags: id.Tags,
		}
		used := x.Usage()
		d.Operations, d.Bytes = used.Operations, used.Bytes
		if p := x.Paused(); p != nil {
			d.Pause = (*Pause)(p)
		}
		if x.Status().Closed() {
			d.Result, d.Error = x.Result()
			d.StoppedBy = x.StoppedBy()
		} else {
			d.TimesOut = x.TimesOut()
		}
	})
	return d, err
}

// History returns a page of an execution's events, oldest first unless asked otherwise. next is empty on the last page.
func (e *Engine) History(ctx context.Context, req *HistoryRequest) (events []*protocol.Event, next string, err error) {
	at, err := e.seals.readHistoryMarker(req)
	if err != nil {
		return nil, "", err
	}
	row, err := e.ledger.known(ctx, req.ARN)
	if err != nil {
		return nil, "", err
	}
	size, max := 0, pageSize(req.MaxItems)
	for ev, err := range e.ledger.events(ctx, req.ARN, &at, req.NewestFirst) {
		if err != nil {
			return nil, "", err
		}
		if lacksOutcome(ev) {
			outcome, err := e.Describe(ctx, req.ARN)
			if err != nil {
				return nil, "", err
			}
			fillOutcome(ev, outcome)
		}
		size += eventSize(ev)
		if len(events) > 0 && (len(events) == max || size > pageBytes) {
			return events, e.seals.historyMarker(row.ID, at, req.NewestFirst), nil
		}
		events = append(events, ev)
	}
	return events, "", nil
}

// place is a position in a journal: behind the first events of an entry.
type place struct {
	seq  int64 // of the entry; 0 is the beginning
	skip int   // how many of its events were read
}

// events yields the history events of an execution from at on. It moves behind an event when the next is asked for.
func (g *ledger) events(ctx context.Context, arn string, at *place, reverse bool) iter.Seq2[*protocol.Event, error] {
	return func(yield func(*protocol.Event, error) bool) {
		id, err := parseExecution(arn)
		if err != nil {
			yield(nil, err)
			return
		}
		part := store.Range{From: at.seq, Reverse: reverse}
		if reverse {
			part.From, part.To = 0, at.seq
		}
		for entry, err := range g.journal(ctx, id, part) {
			if err != nil {
				yield(nil, err)
				return
			}
			records, err := machine.Decode(entry.Data)
			if err != nil {
				yield(nil, &damagedError{id, err})
				return
			}
			if entry.Seq != at.seq {
				*at = place{seq: entry.Seq}
			}
			for i, ev := range history(records, reverse) {
				if i < at.skip {
					continue
				}
				at.skip = i
				if !yield(ev, nil) {
					return
				}
				at.skip = i + 1
			}
		}
	}
}

func history(records []machine.Record, reverse bool) []*protocol.Event {
	var events []*protocol.Event
	for i := range records {
		r := &records[i]
		if reverse {
			r = &records[len(records)-1-i]
		}
		if r.IsHistory() {
			events = append(events, &r.Event)
		}
	}
	return events
}

// lacksOutcome reports whether ev ends an execution whose outcome is in the journal before: a checkpoint brought it.
func lacksOutcome(ev *protocol.Event) bool {
	return ev.Type == protocol.EventExecutionSucceeded && ev.Payload == nil ||
		ev.Type == protocol.EventExecutionFailed && ev.Error == nil
}

func fillOutcome(ev *protocol.Event, d *Description) {
	if lacksOutcome(ev) {
		ev.Payload, ev.Error = d.Result, d.Error
	}
}

// eventSize is a little more than the length of the event's JSON.
func eventSize(ev *protocol.Event) int {
	n := 512 + len(ev.CallbackID) + len(ev.FunctionName) + len(ev.DurableExecutionARN) + ev.Error.Size()
	if ev.Payload != nil {
		n += protocol.StringSize(*ev.Payload)
	}
	return n
}
