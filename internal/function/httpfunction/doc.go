// Package httpfunction invokes functions behind an HTTP endpoint with Lambda's Invoke route, such as a container
// that has AWS's runtime interface emulator in it, or any other engine.
//
// # What an answer means
//
//	200                                       the function's payload
//	200 with X-Amz-Function-Error             the function's error document
//	200, an error document without the header the same: the emulator leaves the header out
//	200, "Task timed out after 3.00 seconds"  Sandbox.Timedout: so the emulator says it
//	502 with an error document                the function failed to initialise
//	any other status                          the function was not reached; Unstarted
//	no connection                             the same
//	the connection breaks                     Sandbox.Failure: what the function did is not known
//
// The emulator runs one invocation at a time and refuses more, so the default is one at a time here, too. It knows
// nothing of durable functions; they get their executions from the payload, and the endpoint of the Lambda API from
// their own environment, which must name this engine (AWS_ENDPOINT_URL_LAMBDA).
package httpfunction
