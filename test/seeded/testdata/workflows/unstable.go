package workflows

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
)

// unstable are workflows that do something else when they run again.
var unstable = map[string]Seed{
	"decision by the time of day": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			name := "thoroughly"
			if time.Since(ctx.StartTime()) < 3*time.Second {
				name = "quickly"
			}
			return payAs(ctx, name, order)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			name := "thoroughly"
			if durable.Now(ctx).Sub(ctx.StartTime()) < 3*time.Second {
				name = "quickly"
			}
			return payAs(ctx, name, order)
		}),
		Explore: "failed with NonDeterminismError",
		Replay:  `recorded STEP/Step "quickly", but the code now does STEP/Step "thoroughly"`,
		Lint:    "clock: calls time.Since",
	},
	"loop until a time of day": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			for end := ctx.StartTime().Add(10 * time.Second); time.Now().Before(end); {
				if err := durable.Wait(ctx, "a while", 4*time.Second); err != nil {
					return "", err
				}
			}
			return order, nil
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			for end := ctx.StartTime().Add(10 * time.Second); durable.Now(ctx).Before(end); {
				if err := durable.Wait(ctx, "a while", 4*time.Second); err != nil {
					return "", err
				}
			}
			return order, nil
		}),
		Explore: "failed with NonDeterminismError",
		Replay:  "does not replay with this code",
		Lint:    "clock: calls time.Now",
	},
	"random step name": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return payAs(ctx, fmt.Sprint("charge-", rand.Int()), order)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return payAs(ctx, fmt.Sprint("charge-", order), order)
		}),
		Explore: "failed with NonDeterminismError",
		Replay:  "does not replay with this code",
		Lint:    "random: calls rand.Int",
	},
	"order of a map": { // five times, since eight entries have eight orders
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			for range 5 {
				for name := range shelf {
					if _, err := same(ctx, name, name); err != nil {
						return "", err
					}
				}
			}
			return order, durable.Wait(ctx, "a while", time.Second)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			for range 5 {
				for _, name := range strings.Fields("a b c d e f g h") {
					if _, err := same(ctx, name, name); err != nil {
						return "", err
					}
				}
			}
			return order, durable.Wait(ctx, "a while", time.Second)
		}),
		Explore: "different operations|failed with NonDeterminismError",
		Replay:  "does not replay with this code",
		Lint:    "maporder: ranges over a map",
	},
	"result in the order of a map": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			var names []string
			for range 10 {
				for name := range shelf {
					names = append(names, name)
				}
			}
			return strings.Join(names, " "), durable.Wait(ctx, "a while", time.Second)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			n := 0
			for name := range shelf {
				n += len(name)
			}
			return fmt.Sprint(n), durable.Wait(ctx, "a while", time.Second)
		}),
		Explore: "different outcomes|the outcome is another",
		Replay:  "the code now returns result",
		Lint:    "maporder: ",
	},
	"step name with an address": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if err := durable.Wait(ctx, fmt.Sprintf("wait for %p", &order), time.Second); err != nil {
				return "", err
			}
			return order, nil
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return order, durable.Wait(ctx, "wait for "+order, time.Second)
		}),
		Explore: "failed with NonDeterminismError",
		Replay:  "does not replay with this code",
		Lint:    "unstable: ",
	},
	"step only when it is no replay": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if !durable.IsReplaying(ctx) {
				if _, err := same(ctx, "greet", order); err != nil {
					return "", err
				}
			}
			return paid(ctx, order)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if _, err := same(ctx, "greet", order); err != nil {
				return "", err
			}
			return paid(ctx, order)
		}),
		Explore: "failed with NonDeterminismError",
		Replay:  "does not replay with this code",
		Lint:    "unstable: ",
	},
	"attempts counted in memory": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "flaky", func(context.Context) (string, error) {
				if tries++; tries%2 == 1 {
					return "", errors.New("not yet")
				}
				return order, nil
			}, durable.WithRetry(retry.Fixed(2, time.Second)))
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "flaky", func(ctx context.Context) (string, error) {
				if durable.Attempt(ctx) == 1 {
					return "", errors.New("not yet")
				}
				return order, nil
			}, durable.WithRetry(retry.Fixed(2, time.Second)))
		}),
		Act:     func(*testing.T, *durabletest.Execution) { tries = 0 },
		Explore: "failed with StepError",
	},
	"number from a variable of the package": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			invoices++
			return fmt.Sprint(order, invoices), durable.Wait(ctx, "a while", time.Second)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			number, err := durable.Step(ctx, "number", func(context.Context) (string, error) { return "17", nil })
			if err != nil {
				return "", err
			}
			return order + number, durable.Wait(ctx, "a while", time.Second)
		}),
		Explore: "different outcomes",
		Replay:  "the code now returns result",
		Lint:    "globals: writes invoices",
	},
	"cache that only the first run fills": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if !warm.Swap(true) {
				if _, err := same(ctx, "warm up", order); err != nil {
					return "", err
				}
			}
			return paid(ctx, order)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if _, err := same(ctx, "warm up", order); err != nil {
				return "", err
			}
			return paid(ctx, order)
		}),
		Explore: "failed with NonDeterminismError|different operations",
		Replay:  "does not replay with this code",
		Lint:    "concurrency: calls atomic.Bool.Swap",
	},
	"step by the environment": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if os.Getenv("FRAUD_CHECK") != "" {
				if _, err := same(ctx, "check", order); err != nil {
					return "", err
				}
			}
			return paid(ctx, order)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			check, err := durable.Step(ctx, "config", func(context.Context) (bool, error) {
				return os.Getenv("FRAUD_CHECK") != "", nil
			})
			if err == nil && check {
				_, err = same(ctx, "check", order)
			}
			if err != nil {
				return "", err
			}
			return paid(ctx, order)
		}),
		Lint: "environment: calls os.Getenv",
	},
	"as many branches as processors": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Map(ctx, "all", make([]int, runtime.NumCPU()), func(durable.Context, int, int) (int, error) {
				return 0, nil
			})
			return order, err
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Map(ctx, "all", make([]int, 4), func(durable.Context, int, int) (int, error) { return 0, nil })
			return order, err
		}),
		Lint: "environment: calls runtime.NumCPU",
	},
	"file read outside of a step": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			hosts, err := os.ReadFile("/etc/hostname")
			if err != nil {
				hosts = nil
			}
			return paid(ctx, order+string(hosts[:0]))
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Step(ctx, "read", func(context.Context) (string, error) {
				_, err := os.Stat("/etc/hostname")
				return "", errors.Join(err)
			}, durable.WithRetry(retry.None()))
			if err != nil {
				ctx.Logger().Info("there is no name")
			}
			return paid(ctx, order)
		}),
		Lint: "io: calls os.ReadFile",
	},
	"line printed on each run": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			fmt.Println("order", order)
			return paid(ctx, order)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			ctx.Logger().Info("order", "id", order)
			return paid(ctx, order)
		}),
		Lint: "output: calls fmt.Println",
	},
	"time printed in the zone of the machine": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return paid(ctx, ctx.StartTime().Local().Format(time.RFC822))
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return paid(ctx, ctx.StartTime().UTC().Format(time.RFC822))
		}),
		Lint: "environment: ",
	},
}

var shelf = map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": true, "f": true, "g": true, "h": true}

var invoices, tries int

var warm atomic.Bool
