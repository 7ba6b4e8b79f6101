// Package durabletest runs durable functions in tests: to their end, in no time, on the same engine that runs them
// in production.
//
// # Run one to its end
//
//	func TestOrder(t *testing.T) {
//		result := durabletest.Run(t, processOrder, order)
//		receipt := result.Output() // fails the test unless the execution succeeded
//		if result.Elapsed != 5*time.Second {
//			t.Errorf("it took %v", result.Elapsed)
//		}
//	}
//
// The handler is the one that main gives to [durable.Start]. [Run] opens an engine in memory, starts an execution,
// and invokes the handler as often as it takes: waits, retries and timeouts pass at once, because time is virtual.
// The [Result] has output or error, history, operations, log lines, and the virtual time that it took.
//
// A failed execution does not fail the test, since failures are worth testing: see Result.Status and Result.Error.
// Only [Result.Output] insists on success.
//
// # Act while it runs
//
// [Drive] is Run with a function that acts meanwhile, through an [Execution]: it waits for an operation, completes
// a callback, lets time pass, kills the function, stops the execution.
//
//	result := durabletest.Drive(t, processOrder, order, func(t *testing.T, x *durabletest.Execution) {
//		x.Await("payment_confirmation")
//		x.Advance(3 * time.Second)
//		x.Stop("Cancelled", "the customer changed their mind")
//	})
//
// It takes turns with the function: while it runs, every goroutine of the function and the engine is blocked and
// the clock stands still; they go on when it calls a method of the Execution that waits. So it sees the same on a
// machine of any speed, and needs no locks to look at what steps wrote. The execution starts with the first such
// call.
//
// # Put something else in its place
//
// [Execution.StubStep] answers in place of a step, by its name, and [Execution.StubFunction], or [Stub], in place of a
// function that the workflow invokes: with a result, an error, a panic, a delay, or the death of the process, one
// behind the other. [Function] puts a durable function there.
//
//	x.StubStep("process_payment").Fails(errBusy).Times(2).Returns(Payment{ID: "p-1"})
//	x.StubFunction("shipping:live").Returns(Label{Tracking: "TRK1"}).After(3 * time.Second)
//
// A stub that is never called fails the test, and so does one of another type than the step.
//
// # Crash it everywhere
//
// A function survives, or not, if it is killed when it has done something and has not recorded it yet. [Explore] runs
// it with a fault at every place where one can strike: crashes, lost replies, refused calls, timeouts, late answers.
// Fakes say what has to happen once:
//
//	durabletest.Explore(t, processOrder, order, func(_ *testing.T, x *durabletest.Execution) {
//		bank.charged = func(order, key string) { x.EffectOnce("charge", order, key) }
//	})
//
// What goes wrong is reported with the smallest set of faults that leads to it, and with a test that repeats it.
//
// [Execution.CrashBefore] and [Execution.CrashAfter] kill the function on either side of one record, and
// [Execution.Crash] at a moment that the test chooses.
//
// # Compare histories
//
// Package golden compares a history with a file that people can read in a review. [History.String] is one line for
// each event, without anything that differs from run to run; [History.Details] has times, results and errors.
//
// # Replay what was recorded
//
// [Replay] gives today's code the records of executions that began with older code, and shows where the two part. It
// is what the command perdure replay does with executions that are open, before a deploy.
//
//	durabletest.Replay(t, processOrder, "testdata/histories/*.json")
//
// # Run the same test against the deployed function
//
// With the option [Cloud] a test runs in memory, and, if the environment says so, against the deployed function: on AWS
// or on an engine, through the Lambda API.
//
//	result := durabletest.Run(t, processOrder, order, durabletest.Cloud("order"))
//
// # Rules of virtual time
//
// The test runs in a bubble of [testing/synctest]. Time advances when every goroutine in it is blocked on another,
// on a channel made in it, or on the clock. So in handlers and steps under test:
//
//   - time.Sleep, time.After, context deadlines and tickers are free.
//   - What a step talks to should be a fake in the same process. While anything
//     waits for the network the clock stands still, and a connection that is
//     kept open, as http.DefaultTransport does, stops it for good.
//   - A goroutine that a step starts has to end, at the latest with the step's
//     context.
//   - Channels and contexts from outside, such as the test's own t.Context(),
//     are no way to wait: the clock stands still meanwhile.
//
// The tests themselves may be parallel, but inside of a bubble there is no t.Run and no t.Parallel.
package durabletest
