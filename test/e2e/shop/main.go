// Command shop is the function whose executions the browser looks at. The event says what an order does.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

// order is the event.
type order struct {
	Do    string `json:"do"`    // which of the kinds
	N     int    `json:"n"`     // how many, or how large
	Value string `json:"value"` // what to say
	Note  string `json:"note"`  // for the eye
}

// declined is what the bank says.
type declined struct{ reason string }

func (d declined) Error() string { return "card declined: " + d.reason }

func main() {
	durable.Start(handle, durable.WithErrors(durable.ErrorType[declined]("PaymentDeclined")))
}

var kinds = map[string]func(durable.Context, order) (any, error){
	"":         ship,
	"approval": approval,
	"declined": pay,
	"retry":    flaky,
	"wait":     wait,
	"map":      pack,
	"parent":   parent,
	"work":     work,
	"many":     many,
	"big":      big,
	"hostile":  hostile,
	"crash":    func(durable.Context, order) (any, error) { os.Exit(3); return nil, nil },
}

func handle(ctx durable.Context, o order) (any, error) {
	kind, ok := kinds[o.Do]
	if !ok {
		return nil, fmt.Errorf("nobody can do %q", o.Do)
	}
	return kind(ctx, o)
}

// say is a step that returns a text.
func say(ctx durable.Context, name, text string) (string, error) {
	return durable.Step(ctx, name, func(ctx context.Context) (string, error) {
		durable.Logger(ctx).Info("did "+name, "text", text[:min(len(text), 100)])
		return text, nil
	})
}

// ship takes two steps, the second with what the first returned and the event's value.
func ship(ctx durable.Context, o order) (any, error) {
	goods, err := say(ctx, "reserve", "goods")
	if err != nil {
		return nil, err
	}
	return say(ctx, "charge", goods+" for "+o.Value)
}

func approval(ctx durable.Context, o order) (any, error) {
	if _, err := say(ctx, "reserve", "goods"); err != nil {
		return nil, err
	}
	quiet := func(context.Context, string) error { return nil }
	answer, err := durable.WaitForCallback[string](ctx, "manager", quiet,
		durable.WithTimeout(72*time.Hour), durable.WithHeartbeat(24*time.Hour))
	if err != nil {
		return nil, err
	}
	return say(ctx, "charge", answer+" "+o.Value)
}

// gate is a file: while it is there the bank takes cards.
func gate() bool {
	_, err := os.Stat(filepath.Join(os.Getenv("SHOP_DIR"), "bank-is-open"))
	return err == nil
}

func pay(ctx durable.Context, o order) (any, error) {
	if _, err := say(ctx, "reserve", "goods"); err != nil {
		return nil, err
	}
	return durable.Step(ctx, "charge", func(context.Context) (string, error) {
		if !gate() {
			return "", declined{"the bank is closed"}
		}
		return "paid " + o.Value, nil
	}, durable.WithRetry(retry.None()))
}

// flaky fails, and tries again in an hour.
func flaky(ctx durable.Context, o order) (any, error) {
	return durable.Step(ctx, "charge", func(context.Context) (string, error) {
		if !gate() {
			return "", errors.New("connection refused by bank.example:443")
		}
		return "paid", nil
	}, durable.WithRetry(retry.Fixed(9, time.Hour)))
}

func wait(ctx durable.Context, o order) (any, error) {
	if err := durable.Wait(ctx, "cooling-off", time.Duration(max(o.N, 1))*time.Second); err != nil {
		return nil, err
	}
	return say(ctx, "charge", "cold "+o.Value)
}

// pack is a map of n parcels, of which each fifteenth fails, beside an answer that nobody gives.
func pack(ctx durable.Context, o order) (any, error) {
	parcels := make([]int, o.N)
	batch, err := durable.Map(ctx, "parcels", parcels, func(ctx durable.Context, _, i int) (string, error) {
		if _, err := say(ctx, "wrap", fmt.Sprint("parcel ", i)); err != nil {
			return "", err
		}
		return durable.Step(ctx, "label", func(context.Context) (string, error) {
			if i%15 == 7 {
				return "", errors.New("the printer has no paper")
			}
			return "label", nil
		}, durable.WithRetry(retry.None()))
	}, durable.WithMaxConcurrency(10), durable.WithToleratedFailures(o.N),
		durable.WithItemNames(func(i int) string { return fmt.Sprintf("parcel-%02d", i) }))
	if err != nil {
		return nil, err
	}
	if o.Value == "wait" {
		if _, err := approval(ctx, o); err != nil {
			return nil, err
		}
	}
	return len(batch.Values()), nil
}

func parent(ctx durable.Context, o order) (any, error) {
	self := durable.Function[order, string]{Name: "shop:$LATEST"}
	return self.Invoke(ctx, "delegate", order{Do: "approval", Value: o.Value})
}

// work runs until it is told to end, or for n seconds.
func work(ctx durable.Context, o order) (any, error) {
	return durable.Step(ctx, "grind", func(ctx context.Context) (string, error) {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Duration(o.N) * time.Second):
			return "ground", nil
		}
	})
}

// many makes some n operations: hundreds of groups, one of which waits.
func many(ctx durable.Context, o order) (any, error) {
	const inGroup = 50
	groups := make([]int, max(1, o.N/(inGroup+1)))
	_, err := durable.Map(ctx, "groups", groups, func(ctx durable.Context, _, g int) (string, error) {
		var works []*durable.Future[string]
		for i := range inGroup {
			works = append(works, durable.Go(ctx, "", func(ctx durable.Context) (string, error) {
				return say(ctx, fmt.Sprintf("pick-%d-%d", g, i), "one")
			}, durable.WithVirtual()))
		}
		_, err := durable.All(ctx, "", works...)
		return "", err
	}, durable.WithMaxConcurrency(8))
	if err != nil {
		return nil, err
	}
	return approval(ctx, o)
}

// big returns n bytes of JSON.
func big(ctx durable.Context, o order) (any, error) {
	rows := make([]map[string]any, 0, o.N/60)
	for i := 0; i < cap(rows); i++ {
		rows = append(rows, map[string]any{"row": i, "text": strings.Repeat("x", 30), "ok": true})
	}
	return rows, nil
}

// hostile names and says what the event says, everywhere where a function has a say. Names are of ASCII.
func hostile(ctx durable.Context, o order) (any, error) {
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, o.Value)
	if _, err := say(ctx, name, o.Value); err != nil {
		return nil, err
	}
	fmt.Println(o.Value)
	_, err := durable.RunInChildContext(ctx, name, func(ctx durable.Context) (string, error) {
		return durable.Step(ctx, name, func(context.Context) (string, error) {
			return "", &named{o.Value}
		}, durable.WithRetry(retry.None()))
	})
	if err == nil {
		err = errors.New("nothing failed")
	}
	return nil, fmt.Errorf("%s: %w", o.Value, err)
}

// named is an error whose text is not to be trusted.
type named struct{ text string }

func (n *named) Error() string { return n.text }
