package transport

import (
	"net/http"
	"time"
)

// Connect reads the environment.
var Connect = connect

// Hurried makes a client of the Lambda API wait next to nothing between
// attempts.
func Hurried(c *lambdaClient) *lambdaClient {
	c.backoff = time.Millisecond
	return c
}

// Endpoint is where a client of the Lambda API sends requests.
func Endpoint(c any) string { return c.(*lambdaClient).endpoint.String() }

// CountAttempts counts a client's requests, without what net/http repeats.
func CountAttempts(client any) *int {
	c := client.(*lambdaClient)
	counter := &countingTransport{next: c.transport}
	c.transport = counter
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
