// Package interop proves the engine with programs in other languages, against
// the real command line: clients of the Lambda API, and functions that speak
// the durable-execution protocol by themselves. It is tests only; they need
// more than Go and run with
//
//	go test ./interop -python PATH
//
// where PATH is a Python interpreter that has boto3 (make interop sets one up).
package interop
