// Package lint finds what breaks durable functions, and what no test sees: workflow code that does something else when
// it runs again. Its analyzers are those of golang.org/x/tools/go/analysis, so whatever runs such analyzers runs these;
// perdure lint, go vet with perdure-lint, and golangci-lint with the plugin in package golangci below do.
//
// # What is looked at
//
// Workflow code is each function that takes a durable.Context, or makes an operation, and the functions in it; what is
// given to durable.Step and its like is not. A helper whose parameter runs in steps only is known, in other packages,
// too, and so is what plain functions do that a workflow calls:
//
//	func handler(ctx durable.Context, order Order) (Receipt, error) {
//		price := catalog.Quote(order) // clock: calls catalog.Quote, which calls time.Now at quote.go:12: …
//		return durable.Step(ctx, "charge", func(ctx context.Context) (Receipt, error) {
//			return charge(ctx, order, price, time.Now()) // fine
//		})
//	}
//
// Packages that have nothing to do with package durable are left at once, but for the summary of what their functions
// do; those of the standard library need none. Generated files have no findings.
//
// # Findings
//
// A finding begins with the name of its rule, and says what the code does, why that breaks and what to do instead,
// with a fix where one can be written without thinking. A comment suppresses those of its line, or, alone on a line,
// those of the next one:
//
//	began := time.Now() //perdure:ignore clock: it is only logged
//
// It needs a reason, and must suppress something, or is a finding itself.
package lint
