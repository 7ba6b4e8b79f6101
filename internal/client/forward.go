package client

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Forward returns a handler that sends the requests of functions on to the engine, signed with our key: functions
// need neither the key nor the engine's certificate. There is no limit of time: a function may wait for another as
// long as it likes.
func (c *Client) Forward() http.Handler {
	return &forwarder{c, http.Client{Transport: c.Transport}}
}

type forwarder struct {
	to   *Client
	http http.Client
}

// notForwarded are headers that belong to one connection, or to a signature.
var notForwarded = []string{
	"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256",
	"Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Connection",
}

// ServeHTTP implements [http.Handler].
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, protocol.MaxSyncPayload+10<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	target := f.to.Endpoint + r.URL.EscapedPath()
	if query := r.URL.Query(); len(query) > 0 {
		target += "?" + queryText(query)
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, target, bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	req.Header = r.Header.Clone()
	for _, name := range notForwarded {
		req.Header.Del(name)
	}
	f.to.Sign(req, body)
	resp, err := f.http.Do(req)
	if err != nil {
		// SDKs repeat requests that failed with this status.
		http.Error(w, "the engine cannot be reached: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		if !strings.EqualFold(name, "Connection") {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // a failure means that one of the two is gone
}
