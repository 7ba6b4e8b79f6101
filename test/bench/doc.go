// Package bench measures the layers together: a checkpoint through the engine
// and SQLite, the same over HTTP with a real client, and whole executions. What
// one layer costs alone is measured beside its code: see `make bench`.
//
// Absolute figures depend on the machine, above all on what its disk takes to
// make a write durable. Compare within one run.
package bench
