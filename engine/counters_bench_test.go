package engine

import (
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
