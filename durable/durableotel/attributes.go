package durableotel

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/perdure/perdure/protocol"
)

const (
	arnKey              = attribute.Key("durable.execution.arn")
	executionStatusKey  = attribute.Key("durable.execution.status")
	firstKey            = attribute.Key("durable.invocation.first")
	invocationStatusKey = attribute.Key("durable.invocation.status")
	requestKey          = attribute.Key("faas.invocation_id")
	idKey               = attribute.Key("durable.operation.id")
	typeKey             = attribute.Key("durable.operation.type")
	subTypeKey          = attribute.Key("durable.operation.subtype")
	nameKey             = attribute.Key("durable.operation.name")
	statusKey           = attribute.Key("durable.operation.status")
	attemptKey          = attribute.Key("durable.attempt.number")
	outcomeKey          = attribute.Key("durable.attempt.outcome")
)

// attributes are common to the spans of an operation and of its attempts.
func (t *tracing) attributes(n *node) []attribute.KeyValue {
	list := []attribute.KeyValue{
		arnKey.String(t.inv.ExecutionARN), idKey.String(n.op.ID), typeKey.String(string(n.op.Type)), subTypeKey.String(n.op.SubType),
	}
	if n.op.Name != "" {
		list = append(list, nameKey.String(n.op.Name))
	}
	return list
}

// title is the name of the operation's span.
func (n *node) title() string {
	if n.op.Name != "" {
		return n.op.Name
	}
	return n.op.SubType
}

func attemptName(operation string, number int) string {
	return operation + " attempt " + strconv.Itoa(number)
}

// judge sets a span's status by that of its subject.
func judge(span trace.Span, status string, failure *protocol.ErrorObject) {
	switch status {
	case "SUCCEEDED", "PENDING":
		span.SetStatus(codes.Ok, "")
	case "FAILED", "TIMED_OUT", "STOPPED":
		fail(span, status, failure)
	}
}

// fail records a failure as an exception, as OpenTelemetry calls it.
func fail(span trace.Span, status string, failure *protocol.ErrorObject) {
	if failure == nil {
		span.SetStatus(codes.Error, status)
		return
	}
	span.SetStatus(codes.Error, failure.ErrorMessage)
	list := []attribute.KeyValue{
		attribute.String("exception.type", failure.ErrorType),
		attribute.String("exception.message", failure.ErrorMessage),
	}
	if len(failure.StackTrace) > 0 {
		list = append(list, attribute.String("exception.stacktrace", strings.Join(failure.StackTrace, "\n")))
	}
	span.AddEvent("exception", trace.WithAttributes(list...))
}
