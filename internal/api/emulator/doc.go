// Package emulator lets an engine stand in for AWS's emulator of durable functions, which SAM and others start in a
// container: with DURABLE_EXECUTIONS_EXTERNAL_EMULATOR_PORT set, SAM talks to us instead.
//
// Beside the Lambda API, an emulator has two routes. One starts an execution of an unregistered function behind an
// endpoint, such as a container with the runtime interface emulator in it. The other sets the endpoint of
// executions that were started without one.
//
// Endpoints are kept with the engine's data, so that executions survive a restart of the engine as long as their
// containers run.
package emulator
