package engine

import (
	"log/slog"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// BenchmarkCounters is what counting adds to a checkpoint with one short step.
func BenchmarkCounters(b *testing.B) {
	c := newCounters()
	committed := change{x: &machine.Execution{}, writes: []store.Write{{Entry: store.Entry{Seq: 7}}}}
	committed.records = []machine.Record{{Event: protocol.Event{Type: protocol.EventStepStarted}},
		{Event: protocol.Event{Type: protocol.EventStepSucceeded}}, {}}
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		c.heard(committed)
		c.checkpoint.Since(began)
	}
}

// BenchmarkFigures is what the figures of functions add to it.
func BenchmarkFigures(b *testing.B) {
	s := &Figures{life: newLife(slog.New(slog.DiscardHandler)), tallies: map[qualified]*tally{}}
	x := machine.Start(machine.Identity{ARN: protocol.ARN{Function: "order", Version: "1"}}, nil, s.life.now(), nil).Publish()
	committed := change{x: x, writes: []store.Write{{Entry: store.Entry{Seq: 7}}}}
	committed.records = []machine.Record{
		{Event: protocol.Event{Type: protocol.EventStepStarted, Name: "charge"}},
		{Event: protocol.Event{Type: protocol.EventStepSucceeded, Name: "charge", Time: s.life.now()}, Took: time.Millisecond},
		{Event: protocol.Event{Type: "checkpointAccepted"}},
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.heard(committed)
		}
	})
}
