// Package golden holds what clients of the Lambda API get to see of whole
// executions, field for field, in txtar archives under testdata. It has no code
// of its own.
//
// Its test runs `perdure serve` and reads with AWS's own client. After a change
// that is meant, `go test ./test/golden -update` rewrites the archives; the
// difference is what users will notice.
package golden
