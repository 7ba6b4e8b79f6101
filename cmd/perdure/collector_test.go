package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// startCollector serves a collector of OpenTelemetry, whose URL is set as an
// environment variable. Of each span it gets it writes a line to a file: trace,
// id, parent, name and failure.
func startCollector(ts *testscript.TestScript, _ bool, args []string) {
	file, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		data, _ := io.ReadAll(r.Body)
		req := new(collectorpb.ExportTraceServiceRequest)
		if err := proto.Unmarshal(data, req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, s := range req.ResourceSpans[0].ScopeSpans[0].Spans {
			fmt.Fprintf(file, "trace=%x id=%x parent=%x name=%q failure=%q\n", s.TraceId, s.SpanId, s.ParentSpanId, s.Name,
				s.Status.GetMessage())
		}
	}))
	ts.Defer(func() { server.Close(); file.Close() })
	ts.Setenv(args[0], server.URL)
}

var spanLine = regexp.MustCompile(`trace=(\w+) id=(\w+) parent=(\w*) name="(\w+)`)

// checkFamilies fails unless every invocation in a file of spans lies below an
// execution of its trace, and every execution below the request that started it.
func checkFamilies(ts *testscript.TestScript, _ bool, args []string) {
	names := map[string]string{} // trace and id -> the name's first word
	lines := spanLine.FindAllStringSubmatch(ts.ReadFile(args[0]), -1)
	for _, m := range lines {
		names[m[1]+m[2]] = m[4]
	}
	for _, m := range lines {
		parent := names[m[1]+m[3]]
		want := map[string]string{"invocation": "execution", "execution": "Invoke"}[m[4]]
		if want != "" && parent != want {
			ts.Fatalf("%s lies below %q, want %s", m[0], parent, want)
		}
	}
}
