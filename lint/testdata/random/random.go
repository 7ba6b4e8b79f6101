package random

import (
	"context"
	crypto "crypto/rand"
	old "math/rand"
	"math/rand/v2"

	"github.com/google/uuid"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/price"
)

func handler(ctx durable.Context, items []int) error {
	_ = crypto.Text()                         // want `random: calls rand.Text: it is another on each run`
	_ = old.Intn(3)                           // want `calls rand.Intn`
	_ = old.New(old.NewSource(1))             // a seed that does not change
	_ = rand.IntN(len(items))                 // want `calls rand.IntN`
	_ = rand.N(10)                            // want `calls rand.N`
	_, _ = crypto.Read(nil)                   // want `rand.Read`
	_ = uuid.NewString()                      // want `calls uuid.NewString: the id is another on each run; use durable.UUID`
	price.ID()                                // want `calls price.ID, which calls uuid.NewString at price.go`
	price.Dice()                              // want `calls price.Dice, which calls rand.IntN`
	price.Secret()                            // want `calls price.Secret, which .*rand.Reader`
	_ = rng.IntN(3)                           // want `uses rng, which calls rand.Uint64 at random.go`
	rand.Shuffle(len(items), func(i, j int) { // want `calls rand.Shuffle`
		items[i], items[j] = items[j], items[i]
	})
	price.Seeded(3)
	durable.Rand(ctx).Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	_ = durable.UUID(ctx)
	inStep := func() int { return rand.Int() }
	both := func() int { return rand.Int() } // want `rand.Int`
	_ = both()
	if _, err := durable.Step(ctx, "sum", func(context.Context) (int, error) { return inStep() + both(), nil }); err != nil {
		return err
	}
	_, err := durable.Step(ctx, "key", func(context.Context) (string, error) {
		return uuid.NewString() + crypto.Text(), nil
	})
	return err
}

var rng = rand.New(rand.NewPCG(rand.Uint64(), 1))
