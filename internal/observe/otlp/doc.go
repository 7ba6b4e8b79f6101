// Package otlp exports spans to a collector of OpenTelemetry, by OTLP over HTTP in its protobuf form.
//
// It does only what an engine needs: it takes spans that have ended, sends them in batches, and drops them, with a
// line in the log, when the collector cannot keep up. OpenTelemetry's environment variables configure it, see
// [Config].
package otlp
