package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// claim is how a cost may grow.
type claim int

const (
	flat   claim = iota // not at all
	linear              // with what it is plotted over
	queue               // like a queue that comes at one moment
)

func (c claim) String() string {
	return [...]string{flat: "flat", linear: "linear",
		queue: "next to nothing for as many as the machine serves in a second, and a second more for each time as many"}[c]
}

// chart is a cost over what it may grow with.
type chart struct {
	File, Title, X, Y string
	Claim             claim
	Points            []point
}

type point struct{ X, Y float64 }

func (c *chart) add(n int, y float64) { c.Points = append(c.Points, point{float64(n), y}) }

// growth is the exponent of the cost's growth over the last two powers of ten: 0 is flat, 1 is linear.
func (c *chart) growth() float64 {
	n := len(c.Points)
	from, to := c.Points[max(0, n-3)], c.Points[n-1]
	if to.X == from.X || from.Y <= 0 || to.Y <= 0 {
		return 0
	}
	return math.Log(to.Y/from.Y) / math.Log(to.X/from.X)
}

// report writes scale.md and a plot for each chart into dir, or prints the page if dir is empty.
func report(dir string, charts []chart) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# How costs grow\n\n%s\n\n", intro)
	fmt.Fprintf(&b, "Measured on %s/%s with %d processors and %s, by\n\n    go run ./test/bench/scale -out docs "+
		"-executions %d -operations %d -waking %d\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(),
		*executions, *operations, *waking)
	for _, c := range charts {
		fmt.Fprintf(&b, "## %s\n\n![%s](scale/%s.svg)\n\n", c.Title, c.Title, c.File)
		head, rule, row := "| "+c.X+" |", "|---|", "| "+c.Y+" |"
		for _, p := range c.Points {
			head += " " + power(p.X) + " |"
			rule += "---|"
			row += " " + figure(p.Y) + " |"
		}
		fmt.Fprintf(&b, "%s\n%s\n%s\n\nExpected: %s.", head, rule, row, c.Claim)
		if c.Claim != queue {
			fmt.Fprintf(&b, " Growth over the last two powers of ten: n^%.2f.", c.growth())
		}
		b.WriteString("\n\n")
	}
	b.WriteString(limits)
	if dir == "" {
		_, err := os.Stdout.WriteString(b.String())
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "scale"), 0o755); err != nil {
		return err
	}
	for _, c := range charts {
		if err := os.WriteFile(filepath.Join(dir, "scale", c.File+".svg"), c.svg(), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "scale.md"), []byte(b.String()), 0o644)
}

const intro = `What a checkpoint, a replay, a list, a timer and a restart cost while histories, executions and sleepers grow by
powers of ten. Both axes of the plots are logarithmic: a flat line costs the same at any size, and the dashed line is
linear growth. No cost may grow faster than that.

The store does not flush the disk here, so that what grows is seen and not the disk; see
[benchmarks](benchmarks.md) for what a durable commit costs.`

const limits = `## What breaks first, and what to do

- **One long history.** An execution is read as a whole when it comes back into memory, so a history of 100,000
  operations takes as long as the plot above says, at each wake after it left memory, and its memory while it runs. AWS
  ends an execution at 3,000 operations. Put parts into contexts that close with a result: replay passes over what is
  inside them. Or go on in a chained invoke.
- **Many executions that wake at one moment.** They go on as fast as the machine runs invocations, so the last is late
  by their number times the cost of one. Spread them, or give the function a faster start; what is due alone is not
  delayed by such a backlog, which waits in a lane of its own.
- **The disk.** Closed executions stay until their retention ends. The file grows by what the plot says for each
  execution with its wait, and by the payloads. Set a shorter retention.
- **One writer.** A store has one process that writes, which commits some forty thousand times a second. Beyond that,
  divide functions among engines.
`

// power writes a power of ten.
func power(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%g M", x/1e6)
	case x >= 1e3:
		return fmt.Sprintf("%g k", x/1e3)
	}
	return fmt.Sprintf("%g", x)
}

// figure writes three digits.
func figure(y float64) string {
	switch {
	case y >= 100:
		return fmt.Sprintf("%.0f", y)
	case y >= 10:
		return fmt.Sprintf("%.1f", y)
	}
	return fmt.Sprintf("%.2f", y)
}

// The plot, in units of SVG.
const (
	width, height            = 480, 280
	left, right, top, bottom = 60, 16, 28, 44
	plotWidth, plotHeight    = width - left - right, height - top - bottom
	strokes                  = `stroke-linecap="round" stroke-linejoin="round"`
	font                     = `font-family="system-ui, sans-serif" font-size="12"`
	axis, grid, line, dashes = "#888", "#8883", "#2563eb", "#888"
)

// svg draws the chart on logarithmic axes, with a line of linear growth through its first point.
func (c *chart) svg() []byte {
	first, last := c.Points[0], c.Points[len(c.Points)-1]
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range c.Points {
		low, high = min(low, p.Y), max(high, p.Y)
	}
	low = math.Pow(10, math.Floor(math.Log10(max(low, 1e-3))))
	high = math.Pow(10, math.Ceil(math.Log10(max(high, 1.1*low))))
	x := func(v float64) float64 { return left + plotWidth*math.Log(v/first.X)/math.Log(last.X/first.X) }
	y := func(v float64) float64 {
		return top + plotHeight*(1-math.Log(max(v, low)/low)/math.Log(high/low))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n",
		width, height, c.Title)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><g %s fill="#333">`+"\n", width, height, font)
	fmt.Fprintf(&b, `<text x="%d" y="16" font-weight="600">%s</text>`+"\n", left, c.Title)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", left+plotWidth/2, height-8, c.X)
	for v := low; v <= high*1.01; v *= 10 {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="%s"/><text x="%d" y="%.1f" text-anchor="end">%g %s</text>`+"\n",
			left, y(v), left+plotWidth, grid, left-6, y(v)+4, round(v), c.Y)
	}
	for _, p := range c.Points {
		fmt.Fprintf(&b, `<path d="M%.1f %dv4" stroke="%s"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			x(p.X), top+plotHeight, axis, x(p.X), top+plotHeight+17, power(p.X))
	}
	end := last.X
	if grown := first.Y * last.X / first.X; grown > high {
		end = first.X * high / first.Y
	}
	fmt.Fprintf(&b, `<path d="M%.1f %.1fL%.1f %.1f" stroke="%s" stroke-dasharray="4 4"/>`+"\n",
		x(first.X), y(first.Y), x(end), y(first.Y*end/first.X), dashes)
	var path, dots strings.Builder
	for i, p := range c.Points {
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x(p.X), y(p.Y))
		fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(p.X), y(p.Y), line)
	}
	fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2" %s/>%s`+"\n</g></svg>\n", path.String(), line,
		strokes, dots.String())
	return []byte(b.String())
}

// round takes away what adding up tenths left.
func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }
