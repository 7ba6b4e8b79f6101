package durabletest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

type mistake struct {
	test func(t *testing.T)
	want string
}

// mistakes are tests that have to fail, and what they then have to say.
var mistakes = map[string]mistake{
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
	"stub that is never called": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("aks").Returns(1)
	}), `the stub of step "aks" was never called; if that is right, add Optional()`},
	"function that is never called": {stubbing(func(x *durabletest.Execution) {
		x.StubFunction("seats").Returns(1)
	}), `the stub of function "seats" was never called`},
	"stub called too seldom": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Returns(1).Times(2)
	}), `the stub of step "ask" has answers for 2 calls, and was called 1 times`},
	"stub of another type": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Returns("thirty")
	}), `step "ask" returns int; the stub returns string`},
	"stub of no type": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Returns(nil)
	}), `step "ask" returns int; the stub returns nil`},
	"later answer of another type": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Fails(errSoldOut).Returns(30.0)
	}), `step "ask" returns int; the stub returns float64`},
	"stub calls another function": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Calls(func(context.Context) (string, error) { return "", nil })
	}), `step "ask" runs a func(context.Context) (int, error); the stub calls func(context.Context) (string, error)`},
	"stub calls nothing": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Calls((func(context.Context) (int, error))(nil))
	}), `the stub of step "ask" calls a nil function`},
	"stub of a submitter returns something": {func(t *testing.T) {
		durabletest.Drive(t, func(ctx durable.Context, _ any) (string, error) {
			return durable.WaitForCallback[string](ctx, "ask", func(context.Context, string) error { return nil })
		}, nil, func(_ *testing.T, x *durabletest.Execution) { x.StubStep("ask").Returns("id") })
	}, `step "ask" returns nothing; the stub returns string`},
	"stub without an answer": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask")
	}), `the stub of step "ask" has no answer; add one, such as Returns`},
	"function without an answer": {func(t *testing.T) {
		durabletest.Drive(t, seatsOf, "", func(_ *testing.T, x *durabletest.Execution) { x.StubFunction("seats") })
	}, `the stub of function "seats" has no answer`},
	"failure without an error": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Fails(nil)
	}), `the stub of step "ask" fails with a nil error`},
	"times of nothing": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Times(2)
	}), `Times of the stub of step "ask" comes behind an answer`},
	"no times": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Returns(1).Times(0)
	}), `the stub of step "ask" cannot answer 0 times`},
	"two stubs of a step": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("ask").Returns(1)
		x.StubStep("ask").Returns(2)
	}), `there is a stub of step "ask"`},
	"two stubs of a function": {stubbing(func(x *durabletest.Execution) {
		durabletest.Function(x, "seats", book)
		x.StubFunction("seats").Returns(2)
	}), `there is a function "seats" already`},
	"stub of a step without a name": {stubbing(func(x *durabletest.Execution) {
		x.StubStep("")
	}), `a step without a name cannot be stubbed`},
	"function's own function": {stubbing(func(x *durabletest.Execution) {
		x.StubFunction("seats").Runs()
	}), `function "seats" has no function of its own to run`},
	"function that returns no JSON": {stubbing(func(x *durabletest.Execution) {
		x.StubFunction("seats").Returns(make(chan int))
	}), `the stub of function "seats" returns what cannot be sent as JSON`},
	"function that is none": {stubbing(func(x *durabletest.Execution) {
		x.StubFunction("seats").Calls(func(int, int) {})
	}), `the stub of function "seats" calls a func(int, int); give a function such as`},
	"durable function that is nil": {stubbing(func(x *durabletest.Execution) {
		durabletest.Function[int, int](x, "seats", nil)
	}), "the handler is nil"},
	"durable function that keeps failing": {func(t *testing.T) {
		durabletest.Drive(t, seatsOf, "", func(_ *testing.T, x *durabletest.Execution) {
			serdes := new(lostStore)
			durabletest.Function(x, "seats", func(ctx durable.Context, _ string) (int, error) {
				//perdure:ignore droppederror: the bug is what is tested
				n, _ := durable.Step(ctx, "", func(context.Context) (int, error) { return 1, nil }, durable.WithSerdes(serdes))
				return n, durable.Wait(ctx, "", time.Second)
			})
		})
	}, `10 invocations of function "seats" in a row failed`},
	"Fatal in a stub": {func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) {
			x.StubStep("ask").Calls(func(context.Context) (int, error) { t.Fatal("the stub's own words"); return 0, nil })
		})
		t.Error("went on")
	}, "the stub's own words"},
	"engine that is not there": {inCloud("http://127.0.0.1:1", "", ""),
		"nobody answers at http://127.0.0.1:1, which PERDURE_TEST_ENDPOINT names"},
	"endpoint that is none": {inCloud("localhost:3001", "", ""), `PERDURE_TEST_ENDPOINT is "localhost:3001"; it is the URL of an engine`},
	"time that is none":     {inCloud("http://127.0.0.1:1", "", "90"), `PERDURE_TEST_TIMEOUT is "90", which is no time, such as 90s`},
	"nothing to sign with on AWS": {inCloud("aws", "eu-west-1", ""),
		"the test is to run on AWS, but profile default has no access key for AWS"},
	"no region on AWS": {inCloud("aws", "", ""), "the test is to run on AWS, but no AWS region is set"},
	"no name of a deployed function": {func(t *testing.T) {
		t.Setenv("PERDURE_TEST_ENDPOINT", "aws")
		durabletest.Run(t, here, "", durabletest.Cloud(""))
	}, "Cloud needs the name of the function"},
	"no such deployed function": {func(t *testing.T) {
		deploy(t, direct)
		t.Setenv("PERDURE_TEST_FUNCTION", "other")
		durabletest.Run(t, here, "", durabletest.Cloud("sign"))
	}, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:other:$LATEST; the test calls the function other at"},
	"deployed function that is not durable": {func(t *testing.T) {
		deploy(t, direct)
		t.Setenv("PERDURE_TEST_FUNCTION", "plain")
		durabletest.Run(t, here, "", durabletest.Cloud("sign"))
	}, "the function plain at http://127.0.0.1:"},
	"deployed execution that does not end": {func(t *testing.T) {
		deploy(t, direct)
		t.Setenv("PERDURE_TEST_TIMEOUT", "500ms")
		durabletest.Run(t, here, "", durabletest.Cloud("sign"))
	}, "the test's time is over, and the execution has not ended; it is stopped: arn:aws:lambda:"},
	"answer that is no engine's": {func(t *testing.T) {
		deploy(t, func(http.Handler) http.Handler { return http.NotFoundHandler() })
		durabletest.Run(t, here, "", durabletest.Cloud("sign"))
	}, "answered 404 Not Found"},
	"callback that is not deployed": {func(t *testing.T) {
		deploy(t, direct)
		durabletest.Drive(t, here, "", func(_ *testing.T, x *durabletest.Execution) { x.SucceedCallback("?", "") },
			durabletest.Cloud("sign"))
	}, "completing a callback: ValidationException"},
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
			//perdure:ignore droppederror: the bug is what is tested
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
	"effects with one idempotency key": {func(t *testing.T) {
		var x *durabletest.Execution
		durabletest.Explore(t, func(durable.Context, any) (int, error) {
			x.EffectOnce("ship", "tea", "k-1")
			x.EffectOnce("ship", "cup", "k-1")
			return 1, nil
		}, nil, func(_ *testing.T, run *durabletest.Execution) { x = run })
	}, `durabletest: effect ship "cup" has the idempotency key of effect ship "tea", so it did not happen`},
	"explored: two outcomes": {func(t *testing.T) {
		runs := 0
		durabletest.Explore(t, func(durable.Context, any) (int, error) { runs++; return runs, nil }, nil, nil)
	}, "two undisturbed runs had different outcomes: succeeded with 1, and succeeded with 2"},
	"explored: other operations": {func(t *testing.T) {
		runs := 0
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			runs++
			//perdure:ignore unstable: the bug is what is tested
			return durable.Step(ctx, fmt.Sprint("step-", runs), func(context.Context) (int, error) { return 1, nil })
		}, nil, nil)
	}, "two undisturbed runs recorded different operations"},
	"explored: changes on replay": {func(t *testing.T) {
		invocations := 0
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			//perdure:ignore unstable: the bug is what is tested
			if invocations++; invocations == 4 { // of the two undisturbed runs, and the first that is cut off
				return 0, durable.Wait(ctx, "another", time.Second)
			}
			return durable.Step(ctx, "one", func(context.Context) (int, error) { return 1, nil })
		}, nil, func(*testing.T, *durabletest.Execution) {})
	}, "The execution failed with NonDeterminismError"},
	"explored: a panic": {func(t *testing.T) {
		durabletest.Explore(t, func(durable.Context, any) (int, error) { panic("the handler's own words") }, nil, nil)
	}, "durabletest: the execution failed with PanicError: panic: the handler's own words"},
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
		bodies := 0
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			n, err := durable.Step(ctx, "count", func(context.Context) (int, error) { bodies++; return bodies, nil })
			if n == 1 {
				err = durable.Wait(ctx, "only at first", time.Second)
			}
			return 1, err
		}, nil, func(_ *testing.T, x *durabletest.Execution) {
			bodies = 0
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

// stubbing is a test of book that has stubs.
func stubbing(stub func(x *durabletest.Execution)) func(t *testing.T) {
	return func(t *testing.T) {
		durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) { stub(x) })
	}
}

// inCloud is a test that runs where the environment says, without anything of AWS but that.
func inCloud(endpoint, region, timeout string) func(t *testing.T) {
	return func(t *testing.T) {
		for _, name := range []string{"AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE",
			"AWS_SHARED_CREDENTIALS_FILE"} {
			t.Setenv(name, "")
		}
		t.Setenv("AWS_REGION", region)
		t.Setenv("HOME", t.TempDir())
		t.Setenv("PERDURE_TEST_ENDPOINT", endpoint)
		t.Setenv("PERDURE_TEST_TIMEOUT", timeout)
		durabletest.Run(t, here, "", durabletest.Cloud("sign"))
	}
}

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
