package workflows

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/perdure/perdure/durable"
)

// types are recorded in a form that loses something, at once or in a deploy.
var types = map[string]Seed{
	"unexported field in a result": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			type payment struct {
				ID    string
				cents int
			}
			p, err := same(ctx, "price", payment{ID: order, cents: 42})
			return fmt.Sprint(p.ID, p.cents), err
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			p, err := same(ctx, "price", payment{ID: order, Cents: 42})
			return fmt.Sprint(p.ID, p.Cents), err
		}),
		Lint: "recordedtype: payment.cents is not exported",
	},
	"interface in a result": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			type bill struct{ Total fmt.Stringer }
			b, err := same(ctx, "bill", bill{Total: time.Minute})
			if err != nil {
				return "unreadable", nil
			}
			return b.Total.String(), nil
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			type bill struct{ Total time.Duration }
			b, err := same(ctx, "bill", bill{Total: time.Minute})
			return b.Total.String(), err
		}),
		Lint: "recordedtype: bill.Total is an interface",
	},
	"result that JSON writes, and cannot read": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			m, err := same(ctx, "mark", mark{Text: order})
			return m.Text, err
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			m, err := same(ctx, "mark", struct{ Text string }{order})
			return m.Text, err
		}),
		Lint: "recordedtype: mark has MarshalJSON and no UnmarshalJSON",
	},
	"type that lost a field": {
		Deploy: true,
		Right:  paying("pay 1"),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			type payment struct {
				ID string `json:"id"`
			}
			p, err := durable.Step(ctx, "pay 1", func(context.Context) (p payment, _ error) { return p, nil })
			if err != nil {
				return "", err
			}
			return p.ID, durable.Wait(ctx, "a while", time.Second)
		}),
		Explore: "the outcome is another",
		Replay:  "today's type of its result has no place for what is recorded as cents",
		Lint:    "typechange: .*cents is gone",
	},
	"field renamed in a deploy": {
		Deploy: true,
		Right:  paying("pay 2"),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			type payment struct {
				ID     string `json:"id"`
				Amount int    `json:"amount"`
			}
			p, err := durable.Step(ctx, "pay 2", func(context.Context) (p payment, _ error) { return payment{order, 42}, nil })
			if err != nil {
				return "", err
			}
			return fmt.Sprint(p.ID, " ", p.Amount), durable.Wait(ctx, "a while", time.Second)
		}),
		Explore: `succeeded with "A-1 0", not succeeded with "A-1 42"`,
		Replay:  "today's type of its result has no place for what is recorded as cents",
		Lint:    "typechange: .*cents is gone",
	},
	"kind of a field changed in a deploy": {
		Deploy: true,
		Right:  paying("pay 3"),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			type payment struct {
				ID    string `json:"id"`
				Cents string `json:"cents"`
			}
			p, err := durable.Step(ctx, "pay 3", func(context.Context) (p payment, _ error) { return payment{order, "42"}, nil })
			if err != nil {
				return "", err
			}
			return fmt.Sprint(p.ID, " ", p.Cents), durable.Wait(ctx, "a while", time.Second)
		}),
		Explore: "failed with SerdesError",
		Replay:  "cannot unmarshal number",
		Lint:    "typechange: .*cents",
	},
	"number made smaller in a deploy": {
		Deploy: true,
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			n, err := same(ctx, "items", 300)
			if err != nil {
				return "", err
			}
			return fmt.Sprint(n), durable.Wait(ctx, "a while", time.Second)
		}),
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			n, err := durable.Step(ctx, "items", func(context.Context) (uint8, error) { return 255, nil })
			if err != nil {
				return "", err
			}
			return fmt.Sprint(n), durable.Wait(ctx, "a while", time.Second)
		}),
		Explore: `succeeded with "255", not succeeded with "300"`,
		Replay:  "cannot unmarshal number 300",
		Lint:    "typechange: ",
	},
}

type payment struct {
	ID    string `json:"id"`
	Cents int    `json:"cents"`
}

// paying records a payment before it waits.
func paying(step string) Workflow {
	return simple(func(ctx durable.Context, order string) (string, error) {
		p, err := same(ctx, step, payment{ID: order, Cents: 42})
		if err != nil {
			return "", err
		}
		return fmt.Sprint(p.ID, " ", p.Cents), durable.Wait(ctx, "a while", time.Second)
	})
}

// mark can be written, and not be read.
type mark struct{ Text string }

// MarshalJSON implements [json.Marshaler].
func (m mark) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]string{"mark": m.Text}) }
