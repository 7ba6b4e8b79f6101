package otlp

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// TraceID names a trace.
type TraceID [16]byte

// SpanID names a span within its trace. The zero value is no span.
type SpanID [8]byte

// NewSpanID returns a random id.
func NewSpanID() (id SpanID) {
	rand.Read(id[:])
	return id
}

// Kind says which side of a call a span is.
type Kind int

// The kinds of spans, as the protocol numbers them.
const (
	Internal Kind = 1
	Server   Kind = 2
)

// Attribute is a property of a span. Value is a string, an int64 or a bool.
type Attribute struct {
	Key   string
	Value any
}

// Span is a piece of work that has ended.
type Span struct {
	Trace      TraceID
	ID, Parent SpanID
	Name       string
	Kind       Kind
	Start, End time.Time
	Attributes []Attribute
	// Failure is the error's text, empty for none.
	Failure string
}

// Context is the place of a request, or an execution, in a trace.
type Context struct {
	Trace   TraceID
	Span    SpanID // zero if only the trace is known
	Sampled bool
}

// ParseContext reads a trace header: X-Ray's, or one in the form of a W3C
// traceparent. A header that leaves sampling open counts as sampled.
func ParseContext(header string) (Context, bool) {
	if parts := strings.Split(strings.TrimSpace(header), "-"); len(parts) == 4 && parts[0] == "00" {
		flags, _ := strconv.ParseUint(parts[3], 16, 8)
		return newContext(parts[1], parts[2], flags&1 == 1)
	}
	root, parent, sampled := "", "", true
	for field := range strings.SplitSeq(header, ";") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(field), "="); name {
		case "Root":
			root, _ = strings.CutPrefix(value, "1-")
		case "Parent":
			parent = value
		case "Sampled":
			sampled = value != "0"
		}
	}
	return newContext(strings.Replace(root, "-", "", 1), parent, sampled)
}

// NewContext begins a trace.
func NewContext() (c Context) {
	rand.Read(c.Trace[:])
	// X-Ray wants a trace's id to begin with the time.
	binary.BigEndian.PutUint32(c.Trace[:], uint32(time.Now().Unix()))
	c.Sampled = true
	return c
}

func newContext(trace, span string, sampled bool) (c Context, ok bool) {
	if len(trace) != hex.EncodedLen(len(c.Trace)) {
		return c, false
	}
	if _, err := hex.Decode(c.Trace[:], []byte(trace)); err != nil || c.Trace == (TraceID{}) {
		return Context{}, false
	}
	if len(span) == hex.EncodedLen(len(c.Span)) {
		if _, err := hex.Decode(c.Span[:], []byte(span)); err != nil {
			c.Span = SpanID{}
		}
	}
	c.Sampled = sampled
	return c, true
}

// XRay returns c as X-Ray's header.
func (c Context) XRay() string {
	sampled := 0
	if c.Sampled {
		sampled = 1
	}
	return fmt.Sprintf("Root=1-%x-%x;Parent=%x;Sampled=%d", c.Trace[:4], c.Trace[4:], c.Span[:], sampled)
}
