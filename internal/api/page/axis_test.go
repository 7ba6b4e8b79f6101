package page

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

const began = protocol.Timestamp(1_700_000_000_000)

// moments are times since began.
func moments(since ...time.Duration) (all []protocol.Timestamp) {
	for _, d := range since {
		all = append(all, began.Add(d))
	}
	return all
}

func between2(from, to time.Duration) span { return span{began.Add(from), began.Add(to)} }

// TestAxis: an axis is true to time, but for long stretches in which nothing happened.
func TestAxis(t *testing.T) {
	const ms, s, h = time.Millisecond, time.Second, time.Hour
	for name, test := range map[string]struct {
		length  time.Duration
		moments []protocol.Timestamp
		busy    []span
		want    string // the pieces, in percent; a cut has its length
		ticks   string
	}{
		"5 ms":           {5 * ms, moments(ms, 4*ms), []span{between2(0, 5*ms)}, "0-100", "0|1 ms|2 ms|3 ms|4 ms||"},
		"nothing at all": {0, nil, nil, "0-100", "0||"},
		// An approval of 35 s after a step of a millisecond: the step is where it was, at the very left.
		"35 s": {35 * s, moments(0, ms, 35*s), []span{between2(0, 2*ms)}, "0-100", "0|5 s|10 s|15 s|20 s|25 s|30 s||"},
		"a night": {8*h + 2*s, moments(s, 8*h+s), []span{between2(0, s), between2(8*h+s, 8*h+2*s)},
			"0-46 cut 8h 54-100", "0|500 ms||8h|+500 ms||"},
		"5 months":          {150 * day, moments(s, 150*day), []span{between2(0, s)}, "0-92 cut 149d23h", ""},
		"work is never cut": {8 * h, moments(s), []span{between2(0, 8*h)}, "0-100", "0|2h|4h|6h||"},
		"a look each day": {150 * day, moments(func() (all []time.Duration) {
			for d := range 150 {
				all = append(all, time.Duration(d)*day)
			}
			return all
		}()...), nil, "0-100", "0|30d|60d|90d|120d||"},
		"a long stretch among short ones": {200 * day, moments(func() (all []time.Duration) {
			for d := range 20 {
				all = append(all, time.Duration(d)*day)
			}
			return all
		}()...), nil, "0-92 cut 181d", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAxis(between2(0, test.length), test.moments, test.busy)
			var pieces []string
			for _, p := range a.pieces {
				if p.Cut {
					pieces = append(pieces, "cut "+elapsed(p.length().Truncate(s)))
				} else {
					pieces = append(pieces, strings.ReplaceAll(fmt.Sprintf("%.2f-%.2f", p.Left, p.Right), ".00", ""))
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(pieces, " ")); diff != "" {
				t.Errorf("pieces (-want +got):\n%s", diff)
			}
			var labels string
			for _, tick := range a.ticks(began) {
				labels += tick.Label + "|"
			}
			if test.ticks != "" && labels != test.ticks {
				t.Errorf("ticks: got %s, want %s", labels, test.ticks)
			}
			last := -1.0
			for d := time.Duration(0); d <= test.length; d += max(1, test.length/997) {
				if at := a.at(began.Add(d)); at < last || at < 0 || at > 100 {
					t.Fatalf("%v is at %v, after %v", d, at, last)
				} else {
					last = at
				}
			}
		})
	}
}

// TestLabelsHaveRoom: no label of an axis lies on another one, or beyond its end, wherever it is cut.
func TestLabelsHaveRoom(t *testing.T) {
	place := func(percent string) (p float64) {
		if _, err := fmt.Sscanf(percent, "%f%%", &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const ms, s, m, h = time.Millisecond, time.Second, time.Minute, time.Hour
	short := func(from time.Duration) span { return between2(from, from+20*ms) }
	for name, busy := range map[string][]span{
		"until now":           {short(0)},
		"from the start":      {short(99 * s)},
		"in the middle":       {short(0), short(4*h + 27*m + 31*s)},
		"one after the other": {short(0), short(2 * h), short(4 * h), short(6 * h), short(8 * h)},
		"many":                {short(h), short(2 * h), short(3 * h), short(4 * h), short(5 * h), short(6 * h), short(7 * h), short(8 * h)},
		"a year":              {short(0), short(100 * day), {began.Add(200 * day), began.Add(201 * day)}, short(364 * day)},
		"seven times 2m30s":   {between2(0, 17*m+31*s)},
	} {
		t.Run(name, func(t *testing.T) {
			last := busy[len(busy)-1].To
			for _, end := range []protocol.Timestamp{last, last.Add(s), last.Add(99 * s), last.Add(23*h + 59*m)} {
				a := newAxis(span{began, end}, nil, busy)
				var ticks, gaps [][2]float64
				for _, tick := range a.ticks(began) {
					if at := place(tick.At); tick.Label != "" {
						ticks = append(ticks, [2]float64{at, at + 2*float64(len(tick.Label))})
					}
				}
				for _, gap := range a.gaps() {
					if width := 2 * float64(len(gap.Label)); width > 0 {
						left := place(gap.Place) - map[string]float64{"start": 0, "middle": width / 2, "end": width}[gap.Anchor]
						gaps = append(gaps, [2]float64{left, left + width})
					}
				}
				if len(a.gaps()) > 0 && len(gaps) == 0 {
					t.Errorf("until %v: no cut says how long it is", end.Sub(began))
				}
				for _, line := range [][][2]float64{ticks, gaps} {
					for i, l := range line {
						if l[0] < 0 || l[1] > 100 || i > 0 && l[0] < line[i-1][1] {
							t.Errorf("until %v: labels lie on each other, or beyond the end: %v", end.Sub(began), line)
						}
					}
				}
			}
		})
	}
}

// TestAxisHasAnEnd: however long, however many moments.
func TestAxisHasAnEnd(t *testing.T) {
	for _, length := range []time.Duration{0, 1, time.Second, 400 * day, 1 << 62} {
		a := newAxis(between2(0, length), nil, nil)
		if n := len(a.ticks(began)); n > 20 {
			t.Errorf("%v has %d ticks", length, n)
		}
	}
}
