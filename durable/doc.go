// Package durable writes durable functions: ordinary Go functions whose
// progress is recorded, so that they survive crashes and wait for up to a year
// without running. They run on AWS Lambda, and anywhere under Perdure, as the
// same binary.
//
// # A durable function
//
// Where a Lambda function calls lambda.Start, a durable one calls [Start]:
//
//	func handler(ctx durable.Context, order Order) (Receipt, error) {
//		payment, err := durable.Step(ctx, "process_payment", func(ctx context.Context) (Payment, error) {
//			return charge(ctx, order)
//		})
//		if err != nil {
//			return Receipt{}, err
//		}
//		if err := durable.Wait(ctx, "payment_confirmation", 5*time.Second); err != nil {
//			return Receipt{}, err
//		}
//		return fulfil(ctx, order, payment)
//	}
//
//	func main() { durable.Start(handler) }
//
// One run of such a workflow is an execution. It spans any number of
// invocations: each runs the handler from the top, and operations that
// finished in an earlier one return what was recorded instead of doing it
// again. That is called replay, and it is what makes the handler resume where
// it was.
//
// # Operations
//
// [Step] does something and records what came of it. [Wait] lets time pass.
// [Invoke] calls another function. [CreateCallback] and [WaitForCallback] wait
// for what someone outside sends, [WaitForCondition] for what has to be asked
// for again and again. [RunInChildContext] makes one operation of a part of the
// workflow, and [RunSaga] undoes such a part if it fails. All take a [Context],
// which only durable code gets, and a name for people to recognise the
// operation by.
//
// An operation returns a value or a real error, never "suspended". When there
// is nothing to do but wait, the goroutine ends inside of the operation, as by
// [runtime.Goexit]: deferred functions run, nothing else does, and the next
// invocation comes back to the same place. Deferred functions should therefore
// only release what the invocation holds; where they must tell an end from a
// suspension, [ErrSuspended] is the context's cause. Compensation belongs
// behind if err != nil.
//
// # Determinism
//
// Code between operations runs again and again, and must do the same each
// time: the same operations in the same order. So whatever could differ goes
// into a step: time.Now, random numbers, reading a database, iterating over a
// map. [Context.StartTime], [Now], [UUID] and [Rand] are safe. Where the code
// no longer does what was recorded, the execution fails with a
// NonDeterminismError that shows both. It is safe to change the inside of
// steps, retry policies and log lines at any time; [Version] makes other
// changes safe.
//
// A context belongs to one goroutine. Plain goroutines are fine inside steps;
// elsewhere [Go] starts them.
//
// # At the same time
//
// [Go] runs any operations beside the code that follows and returns a
// [Future]. [All], [AllSettled], [Any], [Race], [Join] and [Select] wait for
// several; what they decide is recorded, so code may branch on it. [Map] and
// [Parallel] do the same to many items, a few at a time, and say how many may
// fail. A [Graph] is for tasks that depend on each other, with compensation.
//
// Every one of them gives the work a context of its own, whose operations are
// numbered apart: how goroutines interleave makes no difference to replay. Data
// between them goes through results; channels and shared variables would
// differ from run to run. What is not needed any more is abandoned or canceled:
// its context ends, its waits are cancelled, its goroutine unwinds at its next
// operation. When the invocation ends, all goroutines have.
//
// # Failure
//
// A step that fails is tried again by its [retry.Policy], across invocations;
// when that gives up, [Step] returns an [*OperationError]. What the step failed with
// went through the history: its text and type name always survive, its Go type
// if it was declared with [WithErrors]. Code sees the same error on the first
// run as on any later one. A panic is a failure like any other. Whatever took
// longer than [WithTimeout] allows is an [ErrTimeout].
//
// The error that the handler returns fails the execution. So does what no code
// gets to see: a NonDeterminismError, a MisuseError (a context that is used where it
// must not be), a DeadlockError (everything waits for everything), a VersionError
// (the code is older than the execution) and a CheckpointError (the service refused
// a record). These are names in the history, not types. Failures that are
// not the code's, such as a crash, a timeout, or a service that cannot be
// reached, fail only the invocation; the service makes another.
//
// # Exactly once
//
// A step whose result was recorded never runs again. One that was interrupted
// does, so its side effect may happen twice: give [IdempotencyKey] to services
// that accept one. Where twice is worse than not at all, use
// [WithAtMostOncePerRetry]; where a step may kill the function each time,
// [WithAttemptBudget].
//
// # Logs
//
// [Context.Logger] and, in steps, [Logger] write each line once over all
// invocations, as JSON on standard error, with the execution's ARN, the
// request id, and the operation and attempt that it belongs to. [IsReplaying]
// is for whatever else should happen only once. [With] gives a part of the code a
// logger with attributes of its own, and other defaults.
//
// # Limits
//
// A step's result is at most 1 MiB, as JSON. Child contexts may return more:
// over 256 KiB their result is not recorded but computed again from the steps
// inside. A handler's result is at most 6 MiB. Package offload keeps larger
// values elsewhere. The service allows 3,000 operations in one execution on
// AWS.
//
// # Tests
//
// A [Handler] is the function without the Lambda runtime. Package durabletest
// runs one to its end in a test, with waits that take no time.
package durable
