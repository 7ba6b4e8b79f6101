// Package lambdaapi serves the Lambda API in front of the engine: Invoke, the durable-execution operations and the
// callbacks, with the paths, shapes, headers and error texts of AWS, so that the AWS SDKs and the AWS CLI only need
// another endpoint URL.
//
// Every request passes through the same stations:
//
//	shell.go               an id for the request, an answer to its errors and panics
//	route.go               which operation does its path name, and of what?
//	decode.go, query.go    does every member have the right type,
//	validate.go, shapes.go and the right shape?
//	invoke.go, …           one engine call, and the answer
//	errors.go              or a refusal: the only place where errors become statuses
//
// This package checks shape, and the engine meaning. As on AWS, a value of the wrong type is reported before a
// value out of range, all values out of range are reported together, and only a request of the right shape reaches
// the engine.
//
// The API asks for no credentials and has no limits of time: package server stands in front of it.
package lambdaapi
