package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// startBalancer starts a load balancer that knows nothing: it sends each request to the next of the nodes, whose one
// before may have been the worker's, and answers 502 for one that is not there. Its URL is in the variable.
func startBalancer(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: balancer VARIABLE ADDRESS…")
	}
	var turn atomic.Int64
	nodes := args[1:]
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			host := r.In.Host
			r.SetURL(&url.URL{Scheme: "http", Host: nodes[turn.Add(1)%int64(len(nodes))]})
			r.Out.Host = host
		},
		Transport:    &http.Transport{DisableKeepAlives: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	ts.Defer(func() {
		server.CloseClientConnections()
		server.Close()
	})
	ts.Setenv(args[0], server.URL)
}
