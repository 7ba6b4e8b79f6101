package otlp

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// The messages and field numbers of opentelemetry/proto.

// appendRequest appends an ExportTraceServiceRequest.
func appendRequest(b []byte, resource []Attribute, version string, spans []*Span) []byte {
	return appendMessage(b, 1, func(b []byte) []byte { // resource_spans
		b = appendMessage(b, 1, func(b []byte) []byte { return appendAttributes(b, 1, resource) }) // resource
		return appendMessage(b, 2, func(b []byte) []byte {                                         // scope_spans
			b = appendMessage(b, 1, func(b []byte) []byte { // scope
				b = appendString(b, 1, "github.com/perdure/perdure")
				return appendString(b, 2, version)
			})
			for _, s := range spans {
				b = appendMessage(b, 2, func(b []byte) []byte { return appendSpan(b, s) })
			}
			return b
		})
	})
}

func appendSpan(b []byte, s *Span) []byte {
	b = appendBytes(b, 1, s.Trace[:])
	b = appendBytes(b, 2, s.ID[:])
	if s.Parent != (SpanID{}) {
		b = appendBytes(b, 4, s.Parent[:])
	}
	b = appendString(b, 5, s.Name)
	b = protowire.AppendVarint(protowire.AppendTag(b, 6, protowire.VarintType), uint64(s.Kind))
	b = protowire.AppendFixed64(protowire.AppendTag(b, 7, protowire.Fixed64Type), uint64(s.Start.UnixNano()))
	b = protowire.AppendFixed64(protowire.AppendTag(b, 8, protowire.Fixed64Type), uint64(s.End.UnixNano()))
	b = appendAttributes(b, 9, s.Attributes)
	if s.Failure == "" {
		return b
	}
	return appendMessage(b, 15, func(b []byte) []byte { // status
		const statusError = 2
		b = appendString(b, 2, s.Failure)
		return protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), statusError)
	})
}

// appendAttributes appends each attribute as a KeyValue of the field.
func appendAttributes(b []byte, field protowire.Number, attributes []Attribute) []byte {
	for _, a := range attributes {
		b = appendMessage(b, field, func(b []byte) []byte {
			b = appendString(b, 1, a.Key)
			return appendMessage(b, 2, func(b []byte) []byte { return appendValue(b, a.Value) })
		})
	}
	return b
}

func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendString(b, 1, v)
	case bool:
		return protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), protowire.EncodeBool(v))
	case int64:
		return protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), uint64(v))
	}
	panic("otlp: an attribute is a string, an int64 or a bool")
}

func appendMessage(b []byte, field protowire.Number, content func([]byte) []byte) []byte {
	return appendBytes(b, field, content(nil))
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendString(b []byte, field protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
}
