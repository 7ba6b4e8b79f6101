// Package metrics counts, and writes what was counted in the text format that Prometheus reads. What counts must
// cost next to nothing: a counter is an atomic integer, and a [Histogram] is a few of them.
package metrics
