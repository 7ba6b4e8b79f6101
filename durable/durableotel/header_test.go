package durableotel

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

const (
	testTrace  = "5759e988bd862e3fe1be46a994272793"
	testSpan   = "53995c3f42cd8ad8"
	testHeader = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	noTrace    = "00000000000000000000000000000000"
	noSpan     = "0000000000000000"
)

func TestParseHeader(t *testing.T) {
	type want struct {
		trace, span string
		sampled     bool
	}
	for header, want := range map[string]want{
		testHeader: {testTrace, testSpan, true},
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0":               {testTrace, testSpan, false},
		"Sampled=1; Parent=53995c3f42cd8ad8; Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=a:1": {testTrace, testSpan, true},
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=?":               {testTrace, testSpan, true},
		"Root=1-5759e988-bd862e3fe1be46a994272793":                                                 {testTrace, noSpan, true},
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=x":                                        {testTrace, noSpan, true},
		"00-" + testTrace + "-" + testSpan + "-01":                                                 {testTrace, testSpan, true},
		"00-" + testTrace + "-" + testSpan + "-02":                                                 {testTrace, testSpan, false},
		"":                               {noTrace, noSpan, false},
		"Root=1-5759e988;Sampled=1":      {noTrace, noSpan, false},
		"Root=" + testTrace:              {noTrace, noSpan, false},
		"Parent=53995c3f42cd8ad8":        {noTrace, noSpan, false},
		"00-" + noTrace + "-" + testSpan: {noTrace, noSpan, false},
	} {
		sc := parseHeader(header)
		if sc.TraceID().String() != want.trace || sc.SpanID().String() != want.span || sc.IsSampled() != want.sampled {
			t.Errorf("%q: got %v, want %v", header, sc, want)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(testHeader)
	f.Add("00-" + testTrace + "-" + testSpan + "-01")
	f.Fuzz(func(t *testing.T, header string) {
		sc := parseHeader(header)
		if sc.IsValid() && !parseHeader(formatHeader(sc)).Equal(sc) {
			t.Errorf("%q: %v became %v", header, sc, parseHeader(formatHeader(sc)))
		}
	})
}

// The header of aws-lambda-go's context comes before that of the environment,
// which other invocations may have set since.
func TestTraceHeaderParent(t *testing.T) {
	t.Setenv("_X_AMZN_TRACE_ID", testHeader)
	if sc := TraceHeaderParent(t.Context()); sc.SpanID().String() != testSpan {
		t.Errorf("got %v from the environment", sc)
	}
	own := lambdaContext{t.Context(), "00-" + testTrace + "-00000000000000ff-01"}
	if sc := TraceHeaderParent(own); sc.SpanID() != (trace.SpanID{7: 255}) {
		t.Errorf("got %v from the context", sc)
	}
}

// lambdaContext is a context as aws-lambda-go makes it.
type lambdaContext struct {
	context.Context
	header string
}

func (c lambdaContext) Value(key any) any {
	if key == "x-amzn-trace-id" {
		return c.header
	}
	return c.Context.Value(key)
}
