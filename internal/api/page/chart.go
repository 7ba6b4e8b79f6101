package page

import (
	"fmt"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/overview"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// chart is a picture of bars: what went well above a line, and what went wrong below it, so that nobody needs the
// colours. Label says the same in words.
type chart struct {
	Label         string
	Bars          []chartBar
	Width, Height int // of the picture, which may be stretched
	Line          int // where the line is, from the top
}

// chartBar is one bar of a chart; its sizes are in the picture's units.
type chartBar struct {
	Title       string // of the bar, where the pointer rests
	X, Width    int
	Above, Down int // lengths; zero is none
	Y           int // the top of what is above
}

const (
	barStep  = 6  // from one bar to the next
	barWidth = 5  // of one bar
	barMost  = 48 // of what is above the line and below it together
)

// column is what a bar shows.
type column struct {
	title       string
	above, down float64
}

// chartOf draws columns, in one scale above and below the line.
func chartOf(label string, columns []column) chart {
	above, down := 0.0, 0.0
	for _, c := range columns {
		above, down = max(above, c.above), max(down, c.down)
	}
	scale := 0.0
	if above+down > 0 {
		scale = barMost / (above + down)
	}
	c := chart{Label: label, Width: barStep * len(columns), Height: barMost + 6, Line: 2 + int(above*scale+.5)}
	if above+down == 0 {
		c.Line = barMost + 3
	}
	for i, col := range columns {
		b := chartBar{Title: col.title, X: i * barStep, Width: barWidth, Above: length(col.above, scale),
			Down: length(col.down, scale)}
		b.Y = c.Line - b.Above
		c.Bars = append(c.Bars, b)
	}
	return c
}

// length is that of a bar. What is more than nothing can be seen.
func length(value, scale float64) int {
	if value == 0 {
		return 0
	}
	return max(3, int(value*scale+.5))
}

// endedChart shows the executions that ended, or of a plain function its calls.
func endedChart(t *engine.Tally, durable bool) chart {
	what := "Executions"
	if !durable {
		what = "Calls"
	}
	var columns []column
	var well, ill, most uint64
	busiest := ""
	for i := range t.Minutes {
		m := &t.Minutes[i]
		good := m.Closed[protocol.ExecutionSucceeded] + m.Closed[protocol.ExecutionStopped]
		bad := m.Closed[protocol.ExecutionFailed] + m.Closed[protocol.ExecutionTimedOut]
		if !durable {
			good, bad = m.Invocations.Count-m.FailedInvocations, m.FailedInvocations
		}
		well, ill = well+good, ill+bad
		if good+bad > most {
			most, busiest = good+bad, clock(m.Begins)
		}
		columns = append(columns, column{fmt.Sprintf("%s: %d ended well, %d failed", clock(m.Begins), good, bad),
			float64(good), float64(bad)})
	}
	label := fmt.Sprintf("%s that ended in each minute of the last hour: %d well, %d failed", what, well, ill)
	if busiest != "" {
		label += fmt.Sprintf("; most at %s, %d", busiest, most)
	}
	return chartOf(label+".", columns)
}

func startedChart(t *engine.Tally) chart {
	var columns []column
	var all, most uint64
	busiest := ""
	for i := range t.Minutes {
		m := &t.Minutes[i]
		all += m.Started
		if m.Started > most {
			most, busiest = m.Started, clock(m.Begins)
		}
		columns = append(columns, column{fmt.Sprintf("%s: %d started", clock(m.Begins), m.Started),
			float64(m.Started), 0})
	}
	label := fmt.Sprintf("Executions started in each minute of the last hour: %d", all)
	if busiest != "" {
		label += fmt.Sprintf("; most at %s, %d", busiest, most)
	}
	return chartOf(label+".", columns)
}

// timing is a chart of times, with what it says in short.
type timing struct {
	Note  string // more to say; may be empty
	Title string
	Mean  string // empty if nothing ended
	Worst string // the highest 95th percentile of a minute
	chart
}

// timingOf draws the 95th percentile of each minute.
func timingOf(title string, t *engine.Tally, times func(*engine.Minute) *engine.Times) timing {
	var columns []column
	var count uint64
	var sum, worst time.Duration
	at := ""
	for i := range t.Minutes {
		m := &t.Minutes[i]
		of := times(m)
		count += of.Count
		sum += of.Mean * time.Duration(of.Count)
		if of.P95 > worst {
			worst, at = of.P95, clock(m.Begins)
		}
		title := fmt.Sprintf("%s: none ended", clock(m.Begins))
		if of.Count > 0 {
			title = fmt.Sprintf("%s: %d ended; 95 %% took at most %s, the longest %s", clock(m.Begins), of.Count,
				text.Spaced(of.P95), text.Spaced(of.Max))
		}
		columns = append(columns, column{title, of.P95.Seconds(), 0})
	}
	out := timing{Title: title}
	label := title + " in each minute of the last hour: nothing ended."
	if count > 0 {
		out.Mean, out.Worst = text.Spaced(sum/time.Duration(count)), text.Spaced(worst)
		label = fmt.Sprintf("%s, the 95th percentile of each minute of the last hour: mean of all %s", title, out.Mean)
		if at != "" {
			label += fmt.Sprintf(", worst at %s with %s", at, out.Worst)
		}
		label += "."
	}
	out.chart = chartOf(label, columns)
	return out
}

func clock(t protocol.Timestamp) string { return t.Time().Local().Format("15:04") }

// histogram is a distribution for people.
type histogram struct {
	Title         string
	Hint          string
	P50, P95, P99 string
	Count         uint64
	First, Last   string // the bounds of the chart
	chart
}

// leastBuckets is how many buckets are drawn at least, so that one alone is no wall.
const leastBuckets = 8

// histogramOf draws the buckets of a distribution that have values, with those between them.
func histogramOf(title, hint string, d overview.Distribution, unit func(float64) string) histogram {
	h := histogram{Title: title, Hint: hint, Count: d.Count, P50: unit(d.P50), P95: unit(d.P95), P99: unit(d.P99)}
	first, last := -1, -1
	for i, b := range d.Buckets {
		if b.Count > 0 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	var columns []column
	last = min(len(d.Buckets)-1, max(last, first+leastBuckets-1))
	for i := first; i >= 0 && i <= last; i++ {
		b, to := d.Buckets[i], "more"
		if b.UpTo > 0 {
			to = "up to " + unit(b.UpTo)
		}
		columns = append(columns, column{fmt.Sprintf("%s: %d", to, b.Count), float64(b.Count), 0})
		if i == first {
			h.First = to
		}
		h.Last = to
	}
	label := title + ": nothing yet."
	if d.Count > 0 {
		label = fmt.Sprintf("%s, of %d: half at most %s, 95 %% at most %s, 99 %% at most %s.", title, d.Count,
			h.P50, h.P95, h.P99)
	}
	h.chart = chartOf(label, columns)
	return h
}
