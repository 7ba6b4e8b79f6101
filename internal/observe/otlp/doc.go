// Package otlp exports spans to a collector of OpenTelemetry, by OTLP over HTTP in its protobuf form.
//
// It does what an engine needs and no more: spans that have ended are handed over, sent in batches, and dropped,
// with a line in the log, when the collector cannot keep up. What it is to do is said by OpenTelemetry's
// environment variables, see [Config].
package otlp
