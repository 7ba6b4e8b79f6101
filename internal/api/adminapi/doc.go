// Package adminapi is Perdure's own API, for what the Lambda API has no route
// for: finding executions across functions, explaining them, copying them,
// looking after the engine's data. It stands beside the Lambda API on the same
// port, under /perdure/. Its shapes are here; internal/client has the methods that ask for them.
//
// # Requests
//
// Bodies are JSON, with members named and moments written as the Lambda API
// does it: UpperCamelCase, epoch seconds. Execution ARNs stand in paths,
// percent-encoded or not. A member that is not known is refused, so that a
// slip does not go unnoticed.
//
// # Errors
//
// A refusal looks as the Lambda API's do: a status, the code in the header
// x-amzn-ErrorType, the message in the body. The client returns it as a
// *[protocol.Error].
//
// # Adding a route
//
// A route is a line of the table in route.go, which says who may use it, a handler with its shapes in the file of its
// group, and a method in internal/client/operators.go. What the handlers of a group need of the engine is an interface
// in that file, which [Engine] embeds.
package adminapi
