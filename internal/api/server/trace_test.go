package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/observe/otlp"
)

// spanList keeps spans.
type spanList struct {
	mu    sync.Mutex
	spans []*otlp.Span
}

func (l *spanList) Export(s *otlp.Span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spans = append(l.spans, s)
}

// TestSpans: a request has a span in the trace of its client, and the API is
// told to put below it what the request starts.
func TestSpans(t *testing.T) {
	const root, span = "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
	xray := "Root=1-" + root[:8] + "-" + root[8:]
	for _, test := range []struct {
		name, method, path, header, value string
		trace, parent                     string // "any" for one that is new; no trace is no span
	}{
		{"X-Ray", "POST", "/2015-03-31/functions/f/invocations", "X-Amzn-Trace-Id", xray + ";Parent=" + span + ";Sampled=1", root, span},
		{"X-Ray without parent", "POST", "/2015-03-31/functions/f/invocations", "X-Amzn-Trace-Id", xray, root, "0000000000000000"},
		{"not sampled", "POST", "/2015-03-31/functions/f/invocations", "X-Amzn-Trace-Id", xray + ";Sampled=0", "", ""},
		{"W3C", "GET", "/perdure/about", "Traceparent", "00-" + root + "-" + span + "-01", root, span},
		{"none", "POST", "/2015-03-31/functions/f/invocations", "", "", "any", "0000000000000000"},
		{"nonsense", "POST", "/2015-03-31/functions/f/invocations", "X-Amzn-Trace-Id", "x", "any", "0000000000000000"},
		{"probe", "GET", "/health", "", "", "", ""},
		{"page", "GET", "/ui/", "", "", "", ""},
		{"unknown", "GET", "/x", "", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var told string
			face := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				told = r.Header.Get("X-Amzn-Trace-Id")
				w.Header().Set("X-Amz-Durable-Execution-Arn", "arn:x")
				w.WriteHeader(500)
				io.WriteString(w, "x")
			})
			var list spanList
			s := New(append(lambdaOf(face), answeredBy(face, adminapi.New(nil, nil, nil)), answeredBy(face, page.New(nil, nil, nil))),
				&Options{Spans: &list})
			r := httptest.NewRequest(test.method, "http://localhost"+test.path, nil)
			if test.header != "" {
				r.Header.Set(test.header, test.value)
			}
			s.handler.ServeHTTP(httptest.NewRecorder(), r)
			if got := r.Header.Get("X-Amzn-Trace-Id"); got != "" && got != test.value {
				t.Errorf("the client's header became %q", got)
			}
			if test.trace == "" {
				if len(list.spans) != 0 {
					t.Errorf("got %+v, want no span", list.spans[0])
				}
				return
			}
			if len(list.spans) != 1 {
				t.Fatalf("got %d spans, want 1", len(list.spans))
			}
			got := list.spans[0]
			trace := fmt.Sprintf("%x", got.Trace[:])
			if test.trace != "any" && trace != test.trace || fmt.Sprintf("%x", got.Parent[:]) != test.parent ||
				got.Failure != "Internal Server Error" {
				t.Errorf("got %+v", got)
			}
			if want := fmt.Sprintf("Root=1-%s-%s;Parent=%x;Sampled=1", trace[:8], trace[8:], got.ID[:]); told != want {
				t.Errorf("the API was told %q, want %q", told, want)
			}
			var attributes []string
			for _, a := range got.Attributes {
				attributes = append(attributes, fmt.Sprintf("%s=%v", a.Key, a.Value))
			}
			if all := strings.Join(attributes, " "); all != "http.request.method="+test.method+" url.path="+test.path+
				" http.response.status_code=500 durable.execution.arn=arn:x" {
				t.Errorf("got attributes %s", all)
			}
		})
	}
}
