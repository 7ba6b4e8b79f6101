// Package perdure runs durable functions inside a Go program: one import, no server, no other process. Executions
// survive the program's crashes and restarts, and may wait a year as no more than a row in a database.
//
//	p, err := perdure.Open(ctx, "data", nil)
//	…
//	defer p.Close(context.Background())
//	err = perdure.Handle(p, "order", processOrder)
//	…
//	x, err := perdure.Start(ctx, p, "order", order, perdure.Named("order-17"))
//	receipt, err := perdure.Wait[Receipt](ctx, p, x.ARN)
//
// # Functions
//
// A handler is a function of package [durable], the same that runs on AWS Lambda: it takes its steps through its
// context, and each step's result is recorded before the next begins. [Handle] registers it under a name. After a
// restart, register it again under that name: executions go on where they were.
//
// A handler runs in goroutines of the program. When the program ends, steps should end with their context; other
// steps are lost as in a crash, and repeated.
//
// # Executions
//
// [Start] begins one, and returns as soon as that is durable. A name makes it idempotent: the same name with the
// same input is the existing execution, so a repeated request starts nothing twice. [Wait] waits for the end, [Get]
// looks at its state, [Find] finds one by its name.
//
// # The API and the page
//
// [Service.Handler] has the Lambda API, the engine's own API for the command perdure, and the page at /ui/, for the
// program's own mux:
//
//	mux.Handle("/", p.Handler())
//
// It lets in everybody who reaches it; the program decides who does.
//
// # More
//
// [Service.Engine] is the engine itself: callbacks, pauses, lists, explanations, versions. Data is in a directory,
// with SQLite inside; [Options] take another store. One process at a time has a directory open.
package perdure
