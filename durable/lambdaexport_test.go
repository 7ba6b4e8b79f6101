package durable

import "time"

// Hurried makes a client of the Lambda API wait next to nothing between
// attempts.
func Hurried(c Client) Client {
	c.(*lambdaClient).backoff = time.Millisecond
	return c
}
