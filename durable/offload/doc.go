// Package offload keeps large values outside of the history, which records where they are:
//
//	durable.Start(handler, durable.WithSerdes(offload.Values{Store: offload.Dir("/mnt/values")}))
//
// [Dir] keeps them as files; any other place is a [Store] of two methods.
package offload
