package server

import (
	"cmp"
	"time"
)

// Limits bound what clients can take. Zero members have the default named.
type Limits struct {
	// HeaderTime bounds the arrival of a request's header, and a TLS handshake: 10 s.
	HeaderTime time.Duration
	// SteadyTime bounds the arrival of the next 256 KiB of a request's body, and their departure from an answer: 30
	// s. The whole has no limit, nor has the time between body and answer: a synchronous Invoke may take as long as
	// an execution.
	SteadyTime time.Duration
	// IdleTime bounds the wait of a connection for its next request: 3 min, longer than the AWS SDKs keep an unused
	// one. Negative is no bound.
	IdleTime time.Duration
	// HeaderBytes bounds a request's header with its first line: 64 KiB.
	HeaderBytes int
	// Connections bounds the connections at one time, and so the requests: 10,000, or half of the files that the
	// process may have open. Idle ones make room for new ones.
	Connections int
	// BodyBytes bounds the bodies of all unanswered requests: 512 MiB.
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
