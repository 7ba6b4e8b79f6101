package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perdure/perdure/durable"
)

// deploys are changes that executions under way do not survive. Right is the code before.
var deploys = map[string]Seed{
	"step renamed in a deploy": {
		Deploy: true,
		Right:  simple(paid),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return payAs(ctx, "charge_card", order)
		}),
		Explore: `recorded STEP/Step "charge", but the code now does STEP/Step "charge_card"`,
		Replay:  `recorded STEP/Step "charge", but the code now does STEP/Step "charge_card"`,
	},
	"step added in a deploy": {
		Deploy: true,
		Right:  simple(paid),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if _, err := same(ctx, "check", order); err != nil {
				return "", err
			}
			return paid(ctx, order)
		}),
		Explore: `recorded STEP/Step "charge", but the code now does STEP/Step "check"`,
		Replay:  `recorded STEP/Step "charge", but the code now does STEP/Step "check"`,
	},
	"step removed in a deploy": {
		Deploy: true,
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if _, err := same(ctx, "check", order); err != nil {
				return "", err
			}
			return paid(ctx, order)
		}),
		Bug:     simple(paid),
		Explore: `recorded STEP/Step "check", but the code now does STEP/Step "charge"`,
		Replay:  `recorded STEP/Step "check", but the code now does STEP/Step "charge"`,
	},
	"last step removed in a deploy": {
		Deploy: true,
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if _, err := paid(ctx, order); err != nil {
				return "", err
			}
			return order, durable.Wait(ctx, "at the end", time.Second)
		}),
		Bug:     simple(paid),
		Explore: `recorded WAIT/Wait "at the end", but the code returned without reaching it`,
		Replay:  `recorded WAIT/Wait "at the end", but the code returned without reaching it`,
	},
	"steps swapped in a deploy": {
		Deploy:  true,
		Right:   simple(func(ctx durable.Context, order string) (string, error) { return inOrder(ctx, order, "pack", "label") }),
		Bug:     simple(func(ctx durable.Context, order string) (string, error) { return inOrder(ctx, order, "label", "pack") }),
		Explore: `recorded STEP/Step "pack", but the code now does STEP/Step "label"`,
		Replay:  `recorded STEP/Step "pack", but the code now does STEP/Step "label"`,
	},
	"step moved into a child in a deploy": {
		Deploy: true,
		Right:  simple(paid),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.RunInChildContext(ctx, "payment", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
		}),
		Explore: `recorded STEP/Step "charge", but the code now does CONTEXT/RunInChildContext "payment"`,
		Replay:  `recorded STEP/Step "charge", but the code now does CONTEXT/RunInChildContext "payment"`,
	},
	"branches put in a row in a deploy": {
		Deploy: true,
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			first := durable.Go(ctx, "first", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
			second := durable.Go(ctx, "second", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
			return order, durable.Join(ctx, "both", first, second)
		}),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			for range 2 {
				if _, err := paid(ctx, order); err != nil {
					return "", err
				}
			}
			return order, nil
		}),
		Explore: `recorded CONTEXT/RunInChildContext "first", but the code now does STEP/Step "charge"`,
		Replay:  `recorded CONTEXT/RunInChildContext "first", but the code now does STEP/Step "charge"`,
	},
	"wait made a step in a deploy": {
		Deploy: true,
		Right:  simple(paid),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if _, err := same(ctx, "charge", order); err != nil {
				return "", err
			}
			return same(ctx, "confirmation", order)
		}),
		Explore: `recorded WAIT/Wait "confirmation", but the code now does STEP/Step "confirmation"`,
		Replay:  `recorded WAIT/Wait "confirmation", but the code now does STEP/Step "confirmation"`,
	},
	"item added to a batch in a deploy": {
		Deploy:  true,
		Right:   packing("tea", "cup"),
		Bug:     packing("tea", "cup", "pot"),
		Explore: `there are 3 items, but 2 were recorded`,
		Replay:  `there are 3 items, but 2 were recorded`,
	},
	"items in another order in a deploy": {
		Deploy:  true,
		Right:   packing("tea", "cup"),
		Bug:     packing("cup", "tea"),
		Explore: `recorded STEP/Step "pack tea", but the code now does STEP/Step "pack cup"`,
		Replay:  `but the code now does STEP/Step "pack (tea|cup)"`,
	},
	"batch made flat in a deploy": {
		Deploy: true,
		Right:  packing("tea", "cup"),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Map(ctx, "pack", []string{"tea", "cup"}, packed, durable.WithFlat())
			return order, err
		}),
		Explore: `ran again, though its end is recorded`,
	},
	"other input in a deploy": {
		Deploy: true,
		Right:  simple(paid),
		Bug:    handler[payment](func(ctx durable.Context, p payment) (string, error) { return paid(ctx, p.ID) }),
		Replay: `cannot read the recorded input`,
	},
	"other result in a deploy": {
		Deploy: true,
		Right:  simple(paid),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			receipt, err := paid(ctx, order)
			return "receipt " + receipt, err
		}),
		Explore: `succeeded with "receipt A-1", not succeeded with "A-1"`,
		Replay:  `the code now returns result "receipt A-1"`,
	},
	"other error in a deploy": {
		Deploy:  true,
		Options: orFailed("Error"),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if _, err := paid(ctx, order); err != nil {
				return "", err
			}
			return "", errors.New("there is no such address")
		}),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if _, err := paid(ctx, order); err != nil {
				return "", err
			}
			return order, nil
		}),
		Explore: `succeeded with "A-1", not failed with Error`,
		Replay:  `failed with Error: there is no such address, and the code now returns result "A-1"`,
	},
	"condition changed in a deploy": {
		Deploy:  true,
		Right:   checkedFrom(100),
		Bug:     checkedFrom(40),
		Explore: `recorded STEP/Step "charge", but the code now does STEP/Step "check"`,
		Replay:  `recorded STEP/Step "charge", but the code now does STEP/Step "check"`,
	},
	"codec changed in a deploy": {
		Deploy:  true,
		Right:   coded(durable.JSON),
		Bug:     coded(reversed),
		Explore: `succeeded with "."1-A.*not succeeded with "A-1"`,
		Replay:  `the code now returns result`,
	},
	"version forgotten in a deploy": {
		Deploy: true,
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if durable.Version(ctx, "fraud check", 1) >= 1 {
				if _, err := same(ctx, "check", order); err != nil {
					return "", err
				}
			}
			return paid(ctx, order)
		}),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if durable.Version(ctx, "fraud check", 2) >= 2 {
				if _, err := same(ctx, "check", order); err != nil {
					return "", err
				}
			}
			return paid(ctx, order)
		}),
		Explore: `recorded STEP/Step "check", but the code now does STEP/Step "charge"`,
		Replay:  `recorded STEP/Step "check", but the code now does STEP/Step "charge"`,
	},
	"panic on old data in a deploy": {
		Deploy: true,
		Right:  simple(paid),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			receipt, err := paid(ctx, order)
			return receipt[:len(receipt)-1] + string(receipt[len("EU-A-1")]), err
		}),
		Explore: `failed with PanicError`,
		Replay:  `panic: runtime error: index out of range`,
	},
}

func inOrder(ctx durable.Context, order string, steps ...string) (string, error) {
	for _, name := range steps {
		if _, err := same(ctx, name, order); err != nil {
			return "", err
		}
	}
	return order, durable.Wait(ctx, "a while", time.Second)
}

// oneByOne has the items of a batch begin in their order, whoever would have been first.
var oneByOne = durable.WithMaxConcurrency(1)

func packing(items ...string) Workflow {
	return simple(func(ctx durable.Context, order string) (string, error) {
		_, err := durable.Map(ctx, "pack", items, packed, oneByOne)
		return order, err
	})
}

func packed(ctx durable.Context, item string, _ int) (string, error) {
	if _, err := same(ctx, "pack "+item, item); err != nil {
		return "", err
	}
	return item, durable.Wait(ctx, "dry", time.Second)
}

// checkedFrom checks what costs more than a limit.
func checkedFrom(limit int) Workflow {
	return simple(func(ctx durable.Context, order string) (string, error) {
		price, err := same(ctx, "price", 42)
		if err == nil && price > limit {
			_, err = same(ctx, "check", fmt.Sprint(price))
		}
		if err != nil {
			return "", err
		}
		return paid(ctx, order)
	})
}

func coded(s durable.Serdes) Workflow {
	return simple(func(ctx durable.Context, order string) (string, error) {
		text, err := durable.Step(ctx, "code", func(context.Context) (string, error) { return order, nil }, durable.WithSerdes(s))
		if err != nil {
			return "", err
		}
		return text, durable.Wait(ctx, "a while", time.Second)
	})
}

// reversed writes texts backwards.
var reversed = durable.SerdesOf(
	func(_ context.Context, s string) ([]byte, error) { return []byte(backwards(s)), nil },
	func(_ context.Context, data []byte) (string, error) { return backwards(string(data)), nil })

func backwards(s string) string {
	out := ""
	for _, r := range s {
		out = string(r) + out
	}
	return out
}
