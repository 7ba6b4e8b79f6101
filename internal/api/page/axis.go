package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// span is a part of time.
type span struct{ From, To protocol.Timestamp }

func (s span) length() time.Duration { return s.To.Sub(s.From) }

// axis is the axis of a timeline: it maps moments to places, in percent of its width. It is true to time, but for long
// stretches in which nothing happened: those are cut out, and what is left has more room.
type axis struct{ pieces []piece }

// piece is a part of an axis: true to time, or cut.
type piece struct {
	span
	Left, Right float64
	Cut         bool
}

const (
	maxCuts  = 12          // more would be a comb
	leastCut = time.Minute // shorter stretches are never cut
	cutWidth = 8           // percent of one cut; 40 of all at most
	// leastPiece is the part of the room that a piece between two cuts has at least.
	leastPiece = 0.04
)

// newAxis lays an axis from a start to an end. moments are when something began or ended, in any order, and busy is
// when the function ran: such time is never cut.
func newAxis(all span, moments []protocol.Timestamp, busy []span) *axis {
	all.To = max(all.To, all.From+1)
	cuts := chooseCuts(all, idle(all, moments, busy))
	width := 0.0
	if len(cuts) > 0 {
		width = min(cutWidth, 40/float64(len(cuts)))
	}
	var shown []span
	at := all.From
	for _, c := range cuts {
		shown = append(shown, span{at, c.From})
		at = c.To
	}
	shown = append(shown, span{at, all.To})
	return &axis{room(shown, cuts, width)}
}

// room gives each piece its room. Before a cut at the start, and behind one at the end, there is none.
func room(shown, cuts []span, width float64) (pieces []piece) {
	total := time.Duration(0)
	for _, s := range shown {
		total += s.length()
	}
	weights, sum := make([]float64, len(shown)), 0.0
	for i, s := range shown {
		if s.length() > 0 || i > 0 && i < len(cuts) {
			weights[i] = max(float64(s.length()), leastPiece*float64(total), 1)
		}
		sum += weights[i]
	}
	free, left := 100-width*float64(len(cuts)), 0.0
	for i, s := range shown {
		right := left
		if weights[i] > 0 {
			right += free * weights[i] / sum
			pieces = append(pieces, piece{span: s, Left: left, Right: right})
		}
		if left = right; i < len(cuts) {
			pieces = append(pieces, piece{span: cuts[i], Left: left, Right: left + width, Cut: true})
			left += width
		}
	}
	return pieces
}

// idle returns the stretches between moments in which the function did not run.
func idle(all span, moments []protocol.Timestamp, busy []span) (gaps []span) {
	moments = append(slices.Clone(moments), all.From, all.To)
	for _, b := range busy {
		moments = append(moments, b.From, b.To)
	}
	slices.Sort(moments)
	moments = slices.Compact(moments)
	busy = slices.SortedFunc(slices.Values(busy), func(a, b span) int { return cmp.Compare(a.From, b.From) })
	next, until := 0, protocol.Timestamp(0) // until when the function ran, by those of busy before next
	for i := 1; i < len(moments); i++ {
		gap := span{moments[i-1], moments[i]}
		for ; next < len(busy) && busy[next].From <= gap.From; next++ {
			until = max(until, busy[next].To)
		}
		if gap.From >= all.From && gap.To <= all.To && until <= gap.From {
			gaps = append(gaps, gap)
		}
	}
	return gaps
}

// chooseCuts chooses the stretches to cut, in order: long ones, compared with a minute and with all that is not idle
// for long. If there are too many only those are cut that are much longer than the rest, so like is treated as like.
func chooseCuts(all span, gaps []span) []span {
	gaps = slices.DeleteFunc(gaps, func(g span) bool { return g.length() < leastCut })
	rest := all.length()
	for _, g := range gaps {
		rest -= g.length()
	}
	gaps = slices.DeleteFunc(gaps, func(g span) bool { return g.length() < rest/5 })
	slices.SortStableFunc(gaps, func(a, b span) int { return cmp.Compare(b.length(), a.length()) })
	n := min(len(gaps), maxCuts)
	for n > 0 && n < len(gaps) && gaps[n-1].length() < 3*gaps[n].length() {
		n--
	}
	cuts := gaps[:n]
	slices.SortFunc(cuts, func(a, b span) int { return cmp.Compare(a.From, b.From) })
	return cuts
}

// at is the place of a moment.
func (a *axis) at(t protocol.Timestamp) float64 {
	for _, p := range a.pieces {
		if t <= p.To {
			return p.Left + (p.Right-p.Left)*max(0, min(1, float64(t-p.From)/max(1, float64(p.To-p.From))))
		}
	}
	return 100
}

// tick is a mark of an axis.
type tick struct {
	At    string // in percent
	Label string // empty if there is no room
	Title string // the moment
}

// gap is a cut of an axis. Its label begins, ends, or has its middle at Place, as Anchor says.
type gap struct{ Left, Width, Place, Anchor, Label, Title string }

const (
	// tickRoom is how far ticks are from each other at least, in percent, so that most have room for a label.
	tickRoom = 13
	// letter is the width of a letter of a label, in percent of an axis beside the details of an operation, where it
	// is the narrowest.
	letter = 2.1
)

// labels are where there are labels on a line, each with some room around it.
type labels []struct{ left, right float64 }

// put reports whether there is room for a label, which takes it. None is beyond the end of the axis.
func (l *labels) put(left, right float64) bool {
	if right > 100 {
		return false
	}
	for _, other := range *l {
		if left < other.right && other.left < right {
			return false
		}
	}
	*l = append(*l, struct{ left, right float64 }{left, right})
	return true
}

// widthOf is the room that a label takes, in percent.
func widthOf(label string) float64 { return letter * float64(utf8.RuneCountInString(label)+1) }

// ticks are the marks of an axis that begins at start: round times since then, and behind a cut since the cut. Labels
// do not overlap, and those that say when a piece begins come first.
func (a *axis) ticks(start protocol.Timestamp) (ticks []tick) {
	var taken labels
	label := func(place float64, text string) string {
		if !taken.put(place, place+widthOf(text)) {
			return ""
		}
		return text
	}
	begins := make([]string, len(a.pieces))
	for i, p := range a.pieces {
		if !p.Cut {
			begins[i] = label(p.Left, elapsed(p.From.Sub(start)))
		}
	}
	for i, p := range a.pieces {
		if p.Cut {
			continue
		}
		ticks = append(ticks, tick{percent(p.Left), begins[i], moment(p.From)})
		sign := ""
		if i > 0 {
			sign = "+"
		}
		step := roundStep(p.length(), max(1, int((p.Right-p.Left)/tickRoom)))
		for d := step; d <= p.length(); d += step {
			at := a.at(p.From.Add(d))
			ticks = append(ticks, tick{percent(at), label(at, sign+elapsed(d)), moment(p.From.Add(d))})
		}
	}
	return ticks
}

// gaps are the cuts of an axis. The labels, on a line of their own, do not overlap either.
func (a *axis) gaps() (gaps []gap) {
	var taken labels
	for _, p := range a.pieces {
		if !p.Cut {
			continue
		}
		length := text.Duration(p.length())
		g := gap{percent(p.Left), percent(p.Right - p.Left), "", "", length, length + " without events"}
		width, middle := widthOf(g.Label), (p.Left+p.Right)/2
		left := max(0, middle-width/2)
		g.Place, g.Anchor = percent(middle), "middle"
		if left == 0 {
			g.Place, g.Anchor = percent(0), "start"
		}
		if middle+width/2 > 100 {
			left, g.Place, g.Anchor = 100-width, percent(100), "end"
		}
		if !taken.put(left, left+width) {
			g.Label = ""
		}
		gaps = append(gaps, g)
	}
	return gaps
}

// steps are the round distances of ticks, beside 1, 2 and 5 times a power of ten of milliseconds below a second.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 7 * day, 14 * day, 30 * day, 60 * day, 180 * day,
}

const day = 24 * time.Hour

// roundStep is the least round distance of which count fill a length at most.
func roundStep(length time.Duration, count int) time.Duration {
	for d := time.Millisecond; d < time.Second; d *= 10 {
		for _, step := range []time.Duration{d, 2 * d, 5 * d} {
			if step*time.Duration(count) >= length {
				return step
			}
		}
	}
	for _, step := range steps {
		if step*time.Duration(count) >= length {
			return step
		}
	}
	return max(365*day, length/time.Duration(count))
}

// elapsed words the time of a tick.
func elapsed(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return text.Duration(d)
}

// percent writes a place or a width for an attribute.
func percent(p float64) string { return fmt.Sprintf("%.2f%%", p) }
