// Package transport connects a durable function with the service: it reads the envelope of an invocation, and makes
// the two calls of the Lambda API that record an execution, signed, with retries, from the environment that Lambda
// sets. Package durable decides what to call.
package transport
