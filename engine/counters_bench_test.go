package engine

import (
	"testing"
	"time"

	"github.com/perdure/perdure/internal/machine"
	"github.com/perdure/perdure/internal/store"
	"github.com/perdure/perdure/internal/wire"
)

// BenchmarkCounters is what counting adds to a checkpoint with one short step.
func BenchmarkCounters(b *testing.B) {
	var c counters
	c.init()
	writes := []store.Write{{Entry: store.Entry{Seq: 7}}}
	records := []machine.Record{{Event: wire.Event{Type: wire.EventStepStarted}}, {Event: wire.Event{Type: wire.EventStepSucceeded}}, {}}
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		c.committed(writes, records)
		c.checkpoint.Since(began)
	}
}
