package metrics

import (
	"math"
	"sync/atomic"
	"time"
)

// Histogram counts values by size. Its methods may be called concurrently.
type Histogram struct {
	bounds []float64
	counts []atomic.Uint64 // one more than bounds: the last is for larger values
	sum    atomic.Uint64   // the bits of a float64
}

// Seconds are bounds for durations, from a tenth of a millisecond to a minute.
var Seconds = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// NewHistogram returns a histogram with a count for the values up to each of
// bounds, which ascend, and one for the rest.
func NewHistogram(bounds []float64) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts a value.
func (h *Histogram) Observe(v float64) {
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

// Since counts the seconds that have passed since start.
func (h *Histogram) Since(start time.Time) { h.Observe(time.Since(start).Seconds()) }

// Distribution is the count of a [Histogram].
type Distribution struct {
	Bounds []float64
	Counts []uint64 // of the values up to each bound and above the one before; the last counts those above all
	Sum    float64  // of the values
}

// Count is the number of values.
func (d Distribution) Count() (n uint64) {
	for _, c := range d.Counts {
		n += c
	}
	return n
}

// Quantile is the value that a share q of the values does not exceed, as exact as the bounds are: zero if there are
// none, and the last bound if it is beyond.
func (d Distribution) Quantile(q float64) float64 {
	rank := q * float64(d.Count())
	if rank == 0 {
		return 0
	}
	low := 0.0
	for i, bound := range d.Bounds {
		if n := float64(d.Counts[i]); rank > n {
			rank -= n
		} else {
			return low + (bound-low)*rank/n
		}
		low = bound
	}
	return low
}

// Read returns the counts so far. Values that are being observed may be in the counts and not yet in the sum.
func (h *Histogram) Read() Distribution {
	d := Distribution{Bounds: h.bounds, Counts: make([]uint64, len(h.counts)), Sum: math.Float64frombits(h.sum.Load())}
	for i := range h.counts {
		d.Counts[i] = h.counts[i].Load()
	}
	return d
}
