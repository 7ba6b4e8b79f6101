// Package attached runs functions on other machines: workers there attach to
// the engine, take invocations and bring back how they ended.
//
// A [Hub] knows the functions that are declared to run so; each is an
// [engine.Invoker] made by [Hub.Function]. What a worker does is in the Hub's
// other methods; how it reaches them is package adminapi's business, and what
// runs the function on its machine is package sandbox, as on the engine's own.
//
// # The life of a worker
//
//	Join              it names a function, and gets an id
//	Next              it takes an invocation; as many at one time as it likes
//	Finish            it brings back an outcome
//	Beat              every few seconds it says what it is at, and hears what was cancelled
//	Leave             it takes nothing more
//
// A worker of which nothing was heard for a while is lost, and so are its
// invocations: they failed, and the engine repeats them. A worker that comes
// back must join again, and outcomes of lost invocations are refused. An
// invocation that a worker was handed and does not know of never began.
//
// An invocation for which no worker is free waits. While a function has no
// worker at all, its executions wait without a trace; see [engine.Awaiter].
package attached
