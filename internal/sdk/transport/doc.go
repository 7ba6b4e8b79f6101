// Package transport is what a durable function speaks with the service: it reads
// the envelope of an invocation, and makes the two calls of the Lambda API by
// which an execution is recorded, signed, with retries, from the environment
// that Lambda sets. What the calls are for is package durable's to know.
package transport
