package durabletest_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

func init() { maps.Copy(mistakes, wrong) }

// wrong are tests of handlers that are wrong in one case only.
var wrong = map[string]mistake{
	// All answer at once, and the handler is at a loss if the first is an hour late. When the others have come, what is
	// recorded is the same as when it is a millisecond late.
	"explored: an hour late": {func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (bool, error) {
			soon := true
			err := eachCall(ctx, func(ctx durable.Context, name string) (string, error) {
				if name == "a" {
					soon = durable.Now(ctx).Sub(ctx.StartTime()) < time.Hour
				}
				return "", nil
			})
			return soon, err
		}, nil, func(_ *testing.T, x *durabletest.Execution) {
			for _, name := range []string{"a", "b", "c"} {
				x.StubFunction(name).Returns(1)
			}
		}, durabletest.Runs(0))
	}, "\tlate:1h0m0s call of a"},
	"explored: a failure that does not come again": {func(t *testing.T) {
		bodies := 0
		durabletest.Explore(t, func(ctx durable.Context, _ any) (bool, error) {
			return durable.Step(ctx, "one", func(context.Context) (bool, error) { bodies++; return bodies != 4, nil })
		}, nil, func(*testing.T, *durabletest.Execution) {})
	}, "Made 4 times more, the run failed 0 times"},
	"explored: huge texts": {func(t *testing.T) {
		var w world
		huge := strings.Repeat("x", 100_000)
		durabletest.Explore(t, func(ctx durable.Context, _ any) (string, error) {
			ctx.Logger().Info(huge + "\n" + huge)
			return durable.Step(ctx, "one", func(context.Context) (string, error) {
				w.Effect("charge", huge)
				if w.Effects("charge", huge) > 1 {
					return "twice" + huge, nil
				}
				return huge, nil
			})
		}, nil, w.enter, durabletest.Runs(0))
		t.Error("went on")
	}, "\tkill after effect charge \"" + strings.Repeat("x", 200) + "…\"\n"},
	"explored: three answers backwards": {func(t *testing.T) {
		var w world
		var mu sync.Mutex
		var came string
		durabletest.Explore(t, func(ctx durable.Context, _ any) (bool, error) {
			return true, eachCall(ctx, func(ctx durable.Context, name string) (string, error) {
				return durable.Step(ctx, "came", func(context.Context) (string, error) {
					mu.Lock() // items may run at one time
					defer mu.Unlock()
					if came += name; came == "cba" {
						w.Effect("backwards", 1)
						w.Effect("backwards", 1)
					}
					return came, nil
				})
			})
		}, nil, func(t *testing.T, x *durabletest.Execution) {
			mu.Lock()
			came = ""
			mu.Unlock()
			w.enter(t, x)
			stubCalls(t, x)
		}, durabletest.Runs(0))
	}, `effect backwards "1" happened 2 times`},
}

// eachCall calls three functions at the same time, and does something after each.
func eachCall(ctx durable.Context, then func(ctx durable.Context, name string) (string, error)) error {
	_, err := durable.Map(ctx, "all", []string{"a", "b", "c"}, func(ctx durable.Context, name string, _ int) (string, error) {
		if _, err := durable.Invoke(ctx, "call", durable.Function[int, int]{Name: name}, 1); err != nil {
			return "", err
		}
		return then(ctx, name)
	})
	return err
}

func stubCalls(_ *testing.T, x *durabletest.Execution) {
	for i, name := range []string{"a", "b", "c"} {
		x.StubFunction(name).Returns(1).After(time.Duration(i) * time.Second)
	}
}
