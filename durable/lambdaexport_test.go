package durable

import (
	"net/http"
	"time"
)

// Hurried makes a client of the Lambda API wait next to nothing between
// attempts.
func Hurried(c Client) Client {
	c.(*lambdaClient).backoff = time.Millisecond
	return c
}

// Endpoint is where a client of the Lambda API sends requests.
func Endpoint(c Client) string { return c.(*lambdaClient).endpoint.String() }

// CountAttempts counts a client's requests, without what net/http repeats.
func CountAttempts(c Client) *int {
	counter := &countingTransport{next: c.(*lambdaClient).transport}
	c.(*lambdaClient).transport = counter
	return &counter.n
}

type countingTransport struct {
	next http.RoundTripper
	n    int
}

func (t *countingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.n++
	return t.next.RoundTrip(req)
}
