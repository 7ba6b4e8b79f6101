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
//	GET  …/invocation/next          ->   Polled, and WaitReady returns: initialised
//	     (waits)                    <-   Invoke hands an invocation over
//	POST …/invocation/{id}/response ->   Answered, and Invoke returns the outcome
//	GET  …/invocation/next          ->   Polled: there is room for another
//
// A function may work on between its answer and its next poll, as on Lambda, so the end of an invocation and the
// process's idleness are two moments.
//
// A process with several places has as many polls and invocations under way at one time, as the runtime API of Managed
// Instances allows; an answer finds its invocation by the request id. Which connection or thread a poll comes from
// means nothing.
//
// # Clients that misbehave
//
// Wrong or stale invocation ids, second answers, oversize, slow and broken bodies are refused with the API's error
// document, {errorMessage, errorType}, and the statuses that AWS documents. No request outlives the invocation it
// answers, or its session. Extensions, telemetry and response streaming are refused and say so.
package runtimeapi
