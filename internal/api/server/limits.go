package server

import (
	"cmp"
	"time"
)

// Limits bound what clients can take. Zero members have the default named.
type Limits struct {
	// HeaderTime is how long a request's header may take to arrive, and a TLS handshake: 10 s.
	HeaderTime time.Duration
	// SteadyTime is how long the next 256 KiB of a request's body may take to arrive, and of an answer to leave: 30
	// s. There is no limit for the whole of either, nor for the time between them, which a synchronous Invoke may
	// need for as long as an execution lasts.
	SteadyTime time.Duration
	// IdleTime is how long a connection may wait for its next request: 3 min,
	// which is longer than the AWS SDKs keep one that they do not use.
	IdleTime time.Duration
	// HeaderBytes bounds a request's header with its first line: 64 KiB.
	HeaderBytes int
	// Connections bounds the connections at one time, and so the requests: 10,000, or half of the files that the
	// process may have open. The idle ones make room for new ones.
	Connections int
	// BodyBytes bounds the bodies of all requests that are not answered yet: 512 MiB.
	BodyBytes int64
}

func (l Limits) withDefaults() Limits {
	l.HeaderTime = cmp.Or(l.HeaderTime, 10*time.Second)
	l.SteadyTime = cmp.Or(l.SteadyTime, 30*time.Second)
	l.IdleTime = cmp.Or(l.IdleTime, 3*time.Minute)
	l.HeaderBytes = cmp.Or(l.HeaderBytes, 64<<10)
	l.Connections = cmp.Or(l.Connections, max(1, min(10_000, maxFiles()/2)))
	l.BodyBytes = cmp.Or(l.BodyBytes, 512<<20)
	return l
}
