package durableotel

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// WithIDs makes a provider fit for [New]: spans of executions get derived ids; all others get random ones.
func WithIDs() sdktrace.TracerProviderOption { return sdktrace.WithIDGenerator(generator{}) }

// generator takes the ids of a new span from its context.
type generator struct{}

// chosen are the ids for the next span.
type chosen struct {
	trace trace.TraceID
	span  trace.SpanID
}

type chosenKey struct{}

// choose is a context to start exactly one span with.
func choose(ctx context.Context, t trace.TraceID, s trace.SpanID) context.Context {
	return context.WithValue(ctx, chosenKey{}, chosen{t, s})
}

func (generator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if c, ok := ctx.Value(chosenKey{}).(chosen); ok {
		return c.trace, c.span
	}
	var id trace.TraceID
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:8], rand.Uint64())
		binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id, randomSpanID()
}

func (generator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if c, ok := ctx.Value(chosenKey{}).(chosen); ok {
		return c.span
	}
	return randomSpanID()
}

func randomSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}

// traceID derives the id of an execution's trace, in the form that X-Ray wants:
// it begins with the second of the start.
func traceID(arn string, start time.Time) (id trace.TraceID) {
	sum := sha256.Sum256([]byte(arn))
	copy(id[:], sum[:])
	binary.BigEndian.PutUint32(id[:4], uint32(start.Unix()))
	return id
}

// spanID derives the id of a span from its subject.
func spanID(arn, kind, what string) (id trace.SpanID) {
	sum := sha256.Sum256([]byte(arn + "\n" + kind + "\n" + what))
	copy(id[:], sum[:])
	return id
}
