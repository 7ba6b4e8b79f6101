package metrics

import (
	"io"
	"strconv"
	"strings"
)

// ContentType is that of an [Exposition].
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Exposition is a text for Prometheus. Begin each metric with Counter, Gauge or Histogram, then add its samples.
// The zero value is an empty text.
type Exposition struct {
	text []byte
	name string // of the current metric
}

// WriteTo writes the text.
func (e *Exposition) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(e.text)
	return int64(n), err
}

// Counter begins a metric that only grows; its name ends in _total.
func (e *Exposition) Counter(name, help string) { e.begin(name, help, "counter") }

// Gauge begins a metric that goes up and down.
func (e *Exposition) Gauge(name, help string) { e.begin(name, help, "gauge") }

// Histogram begins a metric of distributions.
func (e *Exposition) Histogram(name, help string) { e.begin(name, help, "histogram") }

func (e *Exposition) begin(name, help, kind string) {
	e.name = name
	e.text = append(e.text, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// Add adds a sample. Labels are names and values in turn.
func (e *Exposition) Add(value float64, labels ...string) { e.sample("", value, labels) }

// AddDistribution adds a distribution. Labels are names and values in turn.
func (e *Exposition) AddDistribution(d Distribution, labels ...string) {
	var n uint64
	for i, count := range d.Counts {
		n += count
		bound := "+Inf"
		if i < len(d.Bounds) {
			bound = strconv.FormatFloat(d.Bounds[i], 'g', -1, 64)
		}
		e.sample("_bucket", float64(n), append(labels[:len(labels):len(labels)], "le", bound))
	}
	e.sample("_sum", d.Sum, labels)
	e.sample("_count", float64(n), labels)
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (e *Exposition) sample(suffix string, value float64, labels []string) {
	e.text = append(append(e.text, e.name...), suffix...)
	for i := 0; i < len(labels); i += 2 {
		before := ","
		if i == 0 {
			before = "{"
		}
		e.text = append(e.text, before+labels[i]+`="`+escaper.Replace(labels[i+1])+`"`...)
	}
	if len(labels) > 0 {
		e.text = append(e.text, '}')
	}
	e.text = append(e.text, ' ')
	e.text = strconv.AppendFloat(e.text, value, 'g', -1, 64)
	e.text = append(e.text, '\n')
}
