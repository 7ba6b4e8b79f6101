package metrics

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHistogram(t *testing.T) {
	h := NewHistogram([]float64{1, 2})
	for _, v := range []float64{0.5, 1, 1.5, 2, 3, 100} {
		h.Observe(v)
	}
	want := Distribution{Bounds: []float64{1, 2}, Counts: []uint64{2, 2, 2}, Sum: 108}
	got := h.Read()
	if diff := cmp.Diff(want, got); diff != "" || got.Count() != 6 {
		t.Errorf("count %d (-want +got):\n%s", got.Count(), diff)
	}
}

func TestQuantile(t *testing.T) {
	d := Distribution{Bounds: []float64{1, 2, 4}, Counts: []uint64{2, 0, 6, 2}}
	for q, want := range map[float64]float64{.1: .5, .2: 1, .5: 3, .8: 4, .99: 4} {
		if got := d.Quantile(q); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if got := (Distribution{}).Quantile(.5); got != 0 {
		t.Errorf("of nothing: got %v, want 0", got)
	}
}

func TestExposition(t *testing.T) {
	var e Exposition
	e.Counter("perdure_things_total", "Things that were done.")
	e.Add(3, "kind", "a\"b\\c\nd", "status", "200")
	e.Add(1e15)
	e.Gauge("perdure_size_bytes", "Size.")
	e.Add(0.5)
	e.Histogram("perdure_time_seconds", "Time.")
	e.AddDistribution(Distribution{Bounds: []float64{0.001, 1}, Counts: []uint64{2, 0, 1}, Sum: 7.5}, "op", "x")
	want := `# HELP perdure_things_total Things that were done.
# TYPE perdure_things_total counter
perdure_things_total{kind="a\"b\\c\nd",status="200"} 3
perdure_things_total 1e+15
# HELP perdure_size_bytes Size.
# TYPE perdure_size_bytes gauge
perdure_size_bytes 0.5
# HELP perdure_time_seconds Time.
# TYPE perdure_time_seconds histogram
perdure_time_seconds_bucket{op="x",le="0.001"} 2
perdure_time_seconds_bucket{op="x",le="1"} 2
perdure_time_seconds_bucket{op="x",le="+Inf"} 3
perdure_time_seconds_sum{op="x"} 7.5
perdure_time_seconds_count{op="x"} 3
`
	var got strings.Builder
	if _, err := e.WriteTo(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func BenchmarkObserve(b *testing.B) {
	h := NewHistogram(Seconds)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h.Observe(0.0004)
		}
	})
}

func BenchmarkSince(b *testing.B) {
	h := NewHistogram(Seconds)
	for b.Loop() {
		h.Since(time.Now())
	}
}
