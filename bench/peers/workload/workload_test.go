package workload_test

import (
	"bytes"
	"compress/gzip"
	"testing"
	"time"

	"github.com/perdure/perdure/bench/peers/workload"
)

func TestFigure(t *testing.T) {
	order := workload.Order{Steps: 10, Items: 100}
	for unit, want := range map[workload.Unit]float64{
		workload.MicrosPerExecution: 500_000, workload.MicrosPerStep: 50_000, workload.MicrosPerItem: 5000,
		workload.StepsPerSecond: 20, workload.ExecutionsPerSec: 2,
	} {
		w := workload.Workload{Order: order, Unit: unit}
		if got := w.Figure(4, 2*time.Second); got != want {
			t.Errorf("%s: got %v, want %v", unit, got, want)
		}
	}
}

// Large results do not get smaller than random text must, so no system gains by compressing them.
func TestLargeResultsDoNotCompress(t *testing.T) {
	o := workload.Order{Bytes: 100_000}
	r := workload.Step(o, 1)
	if len(r.Text) != o.Bytes || r.Text == workload.Step(o, 1).Text {
		t.Errorf("got %d bytes, want %d that differ from step to step", len(r.Text), o.Bytes)
	}
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	w.Write([]byte(r.Text))
	w.Close()
	if small.Len() < o.Bytes*3/4 { // 6 bits of each 8
		t.Errorf("got %d of %d bytes, want three quarters of them", small.Len(), o.Bytes)
	}
}
