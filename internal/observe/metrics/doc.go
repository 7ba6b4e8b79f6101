// Package metrics counts, and writes its counts in Prometheus's text format. Counting must cost next to nothing: a
// counter is an atomic integer, and a [Histogram] is a few of them.
package metrics
