package durabletest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// mistakes are tests that have to fail, and what they then have to say.
var mistakes = map[string]struct {
	test func(t *testing.T)
	want string
}{
	"nil handler": {func(t *testing.T) {
		durabletest.Run[int, int](t, nil, 1)
	}, "the handler is nil"},
	"nil option": {func(t *testing.T) {
		durabletest.Run(t, book, nil, durable.WithErrors(), nil)
	}, "handler option 2 is nil"},
	"nil act": {func(t *testing.T) {
		durabletest.Drive(t, book, nil, nil)
	}, "the function that acts is nil; to only run the execution use durabletest.Run"},
	"event that is no JSON": {func(t *testing.T) {
		durabletest.Run(t, book, make(chan int))
	}, "the event cannot be sent as JSON: json: unsupported type: chan int"},
	"event in bytes": {func(t *testing.T) {
		durabletest.Run(t, book, []byte(`{}`))
	}, "give json.RawMessage(event)"},
	"output of a failure": {func(t *testing.T) {
		durabletest.Run(t, func(durable.Context, any) (int, error) { return 0, errSoldOut }, nil).Output()
	}, "the execution did not succeed but failed with Error: sold out"},
	"no such operation": {func(t *testing.T) {
		durabletest.Run(t, book, pragueToVienna).Operation("aks")
	}, `there are 0 operations called "aks"`},
	"result of another type": {func(t *testing.T) {
		var text string
		durabletest.Run(t, book, pragueToVienna).Decode("ask", &text)
	}, `the result of "ask", 30, is not what was expected`},
	"operation without a result": {func(t *testing.T) {
		var text string
		durabletest.Run(t, book, pragueToVienna).Decode("sleep_on_it", &text)
	}, `"sleep_on_it" has no result, its status is SUCCEEDED`},
	"awaiting what never comes": {func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) { x.Await("aks") })
	}, `the execution closed without starting an operation called "aks"`},
	"crashing what never comes": {func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) { x.CrashBefore("aks") })
	}, `there was no crash before recording "aks"`},
	"crashing what is suspended": {func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) {
			x.Await("sleep_on_it")
			x.Crash()
		})
	}, "there is no invocation to crash"},
	"unknown callback": {func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) { x.SucceedCallback("?", "") })
	}, "completing a callback: InvalidParameterValueException"},
	"callback that is none": {func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) { x.Callback("sleep_on_it") })
	}, `"sleep_on_it" is a WAIT, not a callback`},
	"stub without a name": {func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) {
			durabletest.Stub(x, "", func(context.Context, int) (int, error) { return 0, nil })
		})
	}, "a name is 1 to 64 letters"},
	"timeout that cannot be": {func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) {
			x.ExecutionTimeout = 400 * 24 * time.Hour
		})
	}, "an execution timeout is between 1 s and 366 days"},
	"Fatal in a step": {func(t *testing.T) {
		durabletest.Run(t, func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "", func(context.Context) (int, error) {
				t.Fatal("the step's own words")
				return 0, nil
			})
		}, nil)
		t.Error("went on")
	}, "the step's own words"},
	"Fatal while acting": {func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(t *testing.T, x *durabletest.Execution) {
			x.Await("sleep_on_it")
			t.Fatal("acting's own words")
		})
		t.Error("went on")
	}, "acting's own words"},
	"invocations that keep failing": {func(t *testing.T) {
		serdes := new(lostStore)
		durabletest.Run(t, func(ctx durable.Context, _ any) (int, error) {
			n, _ := durable.Step(ctx, "", func(context.Context) (int, error) { return 1, nil }, durable.WithSerdes(serdes))
			return n, durable.Wait(ctx, "", time.Second)
		}, nil)
	}, "10 invocations in a row failed"},
	"effect that a crash repeats": {func(t *testing.T) {
		var x *durabletest.Execution
		durabletest.Explore(t, func(ctx durable.Context, id string) (string, error) {
			return durable.Step(ctx, "pay", func(context.Context) (string, error) {
				x.Effect("charge", id)
				return id, nil
			})
		}, "A-1", func(_ *testing.T, run *durabletest.Execution) { x = run })
	}, "durabletest.Schedule(`kill after effect charge \"A-1\"`)"},
	"explored: two outcomes": {func(t *testing.T) {
		runs := 0
		durabletest.Explore(t, func(durable.Context, any) (int, error) { runs++; return runs, nil }, nil, nil)
	}, "two undisturbed runs had different outcomes: succeeded with 1, and succeeded with 2"},
	"explored: other operations": {func(t *testing.T) {
		runs := 0
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			runs++
			return durable.Step(ctx, fmt.Sprint("step-", runs), func(context.Context) (int, error) { return 1, nil })
		}, nil, nil)
	}, "two undisturbed runs recorded different operations"},
	"explored: changes on replay": {func(t *testing.T) {
		invocations := 0
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			if invocations++; invocations == 4 { // of the two undisturbed runs, and the first that is cut off
				return 0, durable.Wait(ctx, "another", time.Second)
			}
			return durable.Step(ctx, "one", func(context.Context) (int, error) { return 1, nil })
		}, nil, func(*testing.T, *durabletest.Execution) {})
	}, "The execution failed with NonDeterminismError"},
	"explored: a panic": {func(t *testing.T) {
		durabletest.Explore(t, func(durable.Context, any) (int, error) { panic("the handler's own words") }, nil, nil)
	}, "durabletest: the handler panicked: panic: the handler's own words"},
	"explored: acting panics": {func(t *testing.T) {
		durabletest.Explore(t, book, pragueToVienna, func(*testing.T, *durabletest.Execution) { panic("acting's own words") })
	}, "durabletest: the function that acts panicked: acting's own words"},
	"explored: blocked on a channel": {func(t *testing.T) {
		durabletest.Explore(t, func(durable.Context, any) (int, error) { return <-make(chan int), nil }, nil, nil)
	}, "durabletest: the function does not end"},
	"explored: blocked after a crash": {func(t *testing.T) {
		bodies := 0
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "one", func(context.Context) (int, error) {
				if bodies++; bodies == 2 {
					select {}
				}
				return 1, nil
			})
		}, nil, func(*testing.T, *durabletest.Execution) { bodies = 0 })
	}, "kill before SUCCEED 1 one\n"},
	"explored: a loop": {func(t *testing.T) {
		bodies := 0
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "one", func(context.Context) (int, error) {
				if bodies++; bodies == 2 {
					for !stop.Load() {
						runtime.Gosched()
					}
				}
				return 1, nil
			})
		}, nil, func(*testing.T, *durabletest.Execution) { bodies = 0 })
	}, "the run did not end in 1s of real time"},
	"explored: waits outside": {func(t *testing.T) {
		outside := make(chan int)
		durabletest.Explore(t, func(durable.Context, any) (int, error) { return <-outside, nil }, nil, nil)
	}, "the run did not end in 1s of real time"},
	"explored: a goroutine outlives it": {func(t *testing.T) {
		durabletest.Explore(t, func(durable.Context, any) (int, error) {
			go func() {
				for {
					time.Sleep(time.Second)
				}
			}()
			return 1, nil
		}, nil, nil)
	}, "durabletest: goroutines are left when the execution has ended"},
	"explored: Fatal in a step": {func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "one", func(context.Context) (int, error) {
				t.Fatal("the step's own words")
				return 0, nil
			})
		}, nil, nil)
		t.Error("went on")
	}, "durabletest: the test was failed in the course of an invocation, as by t.Fatal"},
	"explored: Fatal while acting": {func(t *testing.T) {
		durabletest.Explore(t, book, pragueToVienna, func(t *testing.T, x *durabletest.Execution) { t.Fatal("acting's own words") })
		t.Error("went on")
	}, "durabletest: the function that acts failed the test"},
	"explored: awaiting what a fault prevents": {func(t *testing.T) {
		crashed := 0
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			if crashed++; crashed == 1 {
				if err := durable.Wait(ctx, "only at first", time.Second); err != nil {
					return 0, err
				}
			}
			return 1, nil
		}, nil, func(_ *testing.T, x *durabletest.Execution) {
			crashed = 0
			x.Await("only at first")
		})
	}, `durabletest: the execution closed without starting an operation called "only at first"`},
	"explored: the kit in a step": {func(t *testing.T) {
		var x *durabletest.Execution
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "one", func(context.Context) (int, error) {
				x.Advance(time.Second)
				return 1, nil
			})
		}, nil, func(_ *testing.T, run *durabletest.Execution) { x = run })
	}, "durabletest: Execution.Advance was called by another goroutine"},
	"the kit in a step": {func(t *testing.T) {
		var x *durabletest.Execution
		durabletest.Drive(t, func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "one", func(context.Context) (int, error) {
				x.Advance(time.Second)
				return 1, nil
			})
		}, nil, func(_ *testing.T, run *durabletest.Execution) { x = run })
	}, "durabletest: Execution.Advance was called by another goroutine"},
	"explored: a schedule of nothing": {func(t *testing.T) {
		durabletest.Explore(t, book, pragueToVienna, nil, durabletest.Schedule(" "))
	}, "the schedule is empty"},
	"explored: a schedule of nonsense": {func(t *testing.T) {
		durabletest.Explore(t, book, pragueToVienna, nil, durabletest.Schedule("explode at noon"))
	}, `"explode at noon" is not a fault that there is`},
	"explored: a place that is none": {func(t *testing.T) {
		durabletest.Explore(t, book, pragueToVienna, nil, durabletest.Schedule("kill before SUCCEED 99 nobody"))
	}, "the run did not come to where this was to happen: kill before SUCCEED 99 nobody"},
	"explored: another Equal": {func(t *testing.T) {
		durabletest.Explore(t, book, pragueToVienna, nil,
			durabletest.Equal(func(_, _ *durabletest.Result[bool]) bool { return true }))
	}, "the function of Equal is a"},
	"explored: another Upgrade": {func(t *testing.T) {
		durabletest.Explore(t, book, pragueToVienna, nil,
			durabletest.Upgrade(func(durable.Context, bool) (bool, error) { return true, nil }))
	}, "the next version is a"},
	"step that never ends": {func(t *testing.T) {
		durabletest.Run(t, func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "", func(context.Context) (int, error) { select {} })
		}, nil)
	}, "a step is blocked and ignores that its context ended"},
}

var stop atomic.Bool // never set

// lostStore is a Serdes whose store is out of reach from the second read on.
type lostStore struct{ reads int }

func (*lostStore) Marshal(context.Context, any) ([]byte, error) { return []byte("1"), nil }

func (s *lostStore) Unmarshal(context.Context, []byte, any) error {
	if s.reads++; s.reads > 1 {
		return durable.ErrUnavailable
	}
	return nil
}

const mistakeVariable = "DURABLETEST_MISTAKE"

// TestMistakesAreExplained runs each mistake in a process of its own, since
// there is no other way to see a test fail.
func TestMistakesAreExplained(t *testing.T) {
	if name := os.Getenv(mistakeVariable); name != "" {
		durabletest.SetMaxIdle(time.Second)
		mistakes[name].test(t)
		return
	}
	for name, mistake := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMistakesAreExplained$", "-test.timeout=1m")
			cmd.Env = append(os.Environ(), mistakeVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if _, failed := errors.AsType[*exec.ExitError](err); !failed {
				t.Errorf("the test ended with %v, want it to fail", err)
			}
			if n := strings.Count(string(out), mistake.want); n != 1 {
				t.Errorf("it says %q %d times, want once:\n%s", mistake.want, n, out)
			}
			if strings.Contains(string(out), "went on") {
				t.Errorf("it went on:\n%s", out)
			}
		})
	}
}
