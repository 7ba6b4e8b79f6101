package durabletest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// In the examples t is what a test function gets.
var t *testing.T

// greet is the handler of the examples: the function that main would give to
// durable.Start.
func greet(ctx durable.Context, name string) (string, error) {
	greeting, err := durable.Step(ctx, "compose", func(context.Context) (string, error) {
		return "Good morning, " + name, nil
	})
	if err != nil {
		return "", err
	}
	if err := durable.Wait(ctx, "until_morning", 8*time.Hour); err != nil {
		return "", err
	}
	return greeting, nil
}

func ExampleRun() {
	// func TestGreet(t *testing.T) {
	result := durabletest.Run(t, greet, "Ada")
	if got, want := result.Output(), "Good morning, Ada"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if result.Elapsed != 8*time.Hour {
		t.Errorf("it took %v, want the night", result.Elapsed)
	}
}

func ExampleDrive() {
	result := durabletest.Drive(t, greet, "Ada", func(t *testing.T, x *durabletest.Execution) {
		x.Await("until_morning")
		x.Advance(3 * time.Hour)
		x.Stop("Cancelled", "Ada has left")
	})
	if result.Status != durabletest.Stopped {
		t.Errorf("got %s, want STOPPED", result.Status)
	}
}

func ExampleExecution_CrashBefore() {
	composed := 0
	handler := func(ctx durable.Context, name string) (string, error) {
		return durable.Step(ctx, "compose", func(context.Context) (string, error) {
			composed++
			return "Good morning, " + name, nil
		})
	}
	result := durabletest.Drive(t, handler, "Ada", func(_ *testing.T, x *durabletest.Execution) {
		x.CrashBefore("compose") // the step has run, and nobody knows
	})
	result.Output()
	if composed != 2 {
		t.Errorf("composed %d times, want 2: a step runs at least once", composed)
	}
}

func ExampleExecution_Crash() {
	handler := func(ctx durable.Context, name string) (string, error) {
		return durable.Step(ctx, "think", func(context.Context) (string, error) {
			time.Sleep(time.Minute) // takes no time in a test
			return "Good morning, " + name, nil
		})
	}
	result := durabletest.Drive(t, handler, "Ada", func(_ *testing.T, x *durabletest.Execution) {
		x.Await("think")
		x.Advance(30 * time.Second)
		x.Crash() // in the middle of the step
	})
	if result.Invocations != 2 {
		t.Errorf("got %d invocations, want a second one after the crash", result.Invocations)
	}
}

func ExampleExecution_SucceedCallback() {
	handler := func(ctx durable.Context, name string) (string, error) {
		return durable.WaitForCallback[string](ctx, "ask", func(ctx context.Context, callbackID string) error {
			return nil // would send the question, with the id, to whoever answers
		})
	}
	result := durabletest.Drive(t, handler, "Ada", func(_ *testing.T, x *durabletest.Execution) {
		id := x.Callback("ask")
		x.Advance(24 * time.Hour)
		x.SucceedCallback(id, "very well")
	})
	if got := result.Output(); got != "very well" {
		t.Errorf("got %q", got)
	}
}

func ExampleStub() {
	titleOf := durable.Function[string, string]{Name: "titles"}
	handler := func(ctx durable.Context, name string) (string, error) {
		return durable.Invoke(ctx, "title", titleOf, name)
	}
	result := durabletest.Drive(t, handler, "Ada", func(_ *testing.T, x *durabletest.Execution) {
		durabletest.Stub(x, "titles", func(_ context.Context, name string) (string, error) {
			return "Countess " + name, nil
		})
	})
	if got := result.Output(); got != "Countess Ada" {
		t.Errorf("got %q", got)
	}
}

func ExampleExecution_StubStep() {
	result := durabletest.Drive(t, greet, "Ada", func(_ *testing.T, x *durabletest.Execution) {
		x.StubStep("compose").Kills().Fails(errors.New("no paper")).Returns("Good night, Ada").After(time.Minute)
	})
	if got := result.Output(); got != "Good night, Ada" {
		t.Errorf("got %q", got)
	}
}

func ExampleExecution_StubFunction() {
	titleOf := durable.Function[string, string]{Name: "titles:live"}
	handler := func(ctx durable.Context, name string) (string, error) {
		return durable.Invoke(ctx, "title", titleOf, name)
	}
	result := durabletest.Drive(t, handler, "Ada", func(_ *testing.T, x *durabletest.Execution) {
		x.StubFunction("titles:live").Fails(&durable.RecordedError{Type: "NoTitle", Message: "she has none"})
	})
	if got := result.Operation("title").Error.ErrorType; got != "NoTitle" {
		t.Errorf("got a %s", got)
	}
}

func ExampleFunction() {
	caller := func(ctx durable.Context, name string) (string, error) {
		return durable.Invoke(ctx, "greet", durable.Function[string, string]{Name: "greet:live"}, name)
	}
	result := durabletest.Drive(t, caller, "Ada", func(_ *testing.T, x *durabletest.Execution) {
		durabletest.Function(x, "greet:live", greet)
	})
	if got := result.Output(); got != "Good morning, Ada" || result.Elapsed != 8*time.Hour {
		t.Errorf("got %q after %v, want it after the night", got, result.Elapsed)
	}
}

func ExampleExplore() {
	var x *durabletest.Execution
	handler := func(ctx durable.Context, name string) (string, error) {
		return durable.Step(ctx, "send", func(ctx context.Context) (string, error) {
			x.EffectOnce("letter", name, durable.IdempotencyKey(ctx)) // the post office knows the key
			return "sent", nil
		})
	}
	// Wherever the function is killed, one letter is sent.
	explored := durabletest.Explore(t, handler, "Ada", func(_ *testing.T, run *durabletest.Execution) { x = run })
	if explored.Runs == 0 {
		t.Error("nothing was tried")
	}
}

func ExampleReplay() {
	// What is recorded with one version is replayed with the next; usually it comes from files.
	recorded := durabletest.Run(t, greet, "Ada").History
	next := func(ctx durable.Context, name string) (string, error) {
		if durable.Version(ctx, "flowers", 1) >= 1 {
			_, err := durable.Step(ctx, "flowers", func(context.Context) (string, error) { return "roses", nil })
			if err != nil {
				return "", err
			}
		}
		return greet(ctx, name)
	}
	durabletest.Replay(t, next, recorded)
}

func ExampleCloud() {
	// In memory, unless PERDURE_TEST_ENDPOINT or PERDURE_TEST_FUNCTION says where "greet" is deployed.
	result := durabletest.Run(t, greet, "Ada", durabletest.Cloud("greet"))
	if got, want := result.Output(), "Good morning, Ada"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func ExampleResult_Decode() {
	result := durabletest.Run(t, greet, "Ada")
	var greeting string
	result.Decode("compose", &greeting)
	if greeting != "Good morning, Ada" {
		t.Errorf("the step returned %q", greeting)
	}
}

func ExampleHistory_String() {
	const want = `  1 ExecutionStarted
  2 StepStarted          1 compose
  3 StepSucceeded        1 compose (attempt 1)
  4 WaitStarted          2 until_morning (28800s)
  5 InvocationCompleted
  6 WaitSucceeded        2 until_morning
  7 InvocationCompleted
  8 ExecutionSucceeded
`
	if got := fmt.Sprint(durabletest.Run(t, greet, "Ada").History); got != want {
		t.Errorf("got history:\n%s\nwant:\n%s", got, want)
	}
}

// TestExamples runs the examples: they need a test around them, which go test
// does not give to examples.
func TestExamples(test *testing.T) {
	examples := map[string]func(){
		"Run": ExampleRun, "Drive": ExampleDrive, "CrashBefore": ExampleExecution_CrashBefore,
		"SucceedCallback": ExampleExecution_SucceedCallback, "Stub": ExampleStub,
		"Crash": ExampleExecution_Crash, "Decode": ExampleResult_Decode, "History": ExampleHistory_String,
		"StubStep": ExampleExecution_StubStep, "StubFunction": ExampleExecution_StubFunction, "Function": ExampleFunction,
		"Explore": ExampleExplore, "Replay": ExampleReplay, "Cloud": ExampleCloud,
	}
	for name, example := range examples {
		test.Run(name, func(of *testing.T) {
			t = of
			example()
		})
	}
}
