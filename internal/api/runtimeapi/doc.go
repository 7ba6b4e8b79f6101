// Package runtimeapi serves the Lambda Runtime API: the small HTTP interface that a function process polls for
// invocations and posts its answers to.
//
// # One server, one session for each process
//
// A [Server] is the Runtime API of a loopback port, which may have other paths, too. Each function process gets a
// [Session] with an unguessable path prefix, which is part of the value of AWS_LAMBDA_RUNTIME_API:
//
//	AWS_LAMBDA_RUNTIME_API=127.0.0.1:41234/8KJ2…
//
// Most runtime clients put "http://" before it and "/2018-06-01/…" behind, so they need not know. A process reaches
// its own session and no other, and another user of the machine reaches none.
//
// Clients that want HOST:PORT, such as Rust's, get a session with a port of its own; see [Server.AttachPort] for
// its guards.
//
// # The life of a session
//
//	the process                          the owner of the session
//	GET  …/invocation/next          ->   WaitIdle returns: initialised
//	     (waits)                    <-   Invoke hands an invocation over
//	POST …/invocation/{id}/response ->   Invoke returns the outcome
//	GET  …/invocation/next          ->   WaitIdle returns: idle again
//
// A function may work on between its answer and its next poll, as on Lambda, so the end of an invocation and the
// process's idleness are two moments.
//
// # Clients that misbehave
//
// Wrong or stale invocation ids, second answers, oversize, slow and broken bodies are refused with the API's error
// document, {errorMessage, errorType}, and the statuses that AWS documents. No request outlives the invocation it
// answers, or its session. Extensions, telemetry and response streaming are refused and say so.
package runtimeapi
