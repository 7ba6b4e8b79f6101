// Package adminapi is Perdure's own API, for tasks without a route in the Lambda API: finding executions across
// functions, explaining them, copying them, looking after the engine's data. It stands beside the Lambda API on the
// same port, under /perdure/. Its shapes are here; internal/client has the methods that ask for them.
//
// # Requests
//
// Bodies are JSON, with members named and moments written as in the Lambda API: UpperCamelCase, epoch seconds.
// Execution ARNs stand in paths, percent-encoded or not. An unknown member is refused, so that a typing error does not
// go unnoticed.
//
// # Errors
//
// A refusal looks as in the Lambda API: a status, the code in the header x-amzn-ErrorType, the message in the body.
// The client returns it as a *[protocol.Error].
//
// # Adding a route
//
// A route is a line of the table in route.go, which says who may use it, a handler with its shapes in the file of its
// group, and a method in internal/client/operators.go. What the handlers of a group need of the engine is an interface
// in that file, which [Engine] embeds.
package adminapi
