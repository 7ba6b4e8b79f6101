// Package adminapi is Perdure's own API, for what the Lambda API has no route
// for: finding executions across functions, explaining them, copying them,
// looking after the engine's data. It stands beside the Lambda API on the same
// port, under /perdure/, and both its sides are here, so that the shapes stand
// once:
//
//   - [New] is the server, a handler in front of the engine;
//   - [Client] is what the command uses.
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
// x-amzn-ErrorType, the message in the body. [Client] returns it as a
// *[protocol.Error].
//
// # Adding a route
//
// A route is a line of the table in route.go, which says who may use it. A group
// of routes is a file: its shapes, its handlers and the client's methods. What the
// handlers need of the engine is an interface in that file, which [Engine]
// embeds.
package adminapi
