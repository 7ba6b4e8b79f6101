// Package price is plain code that workflows call.
package price

import (
	"context"
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/durable"
)

// Quote asks the clock two calls away.
func Quote(amount int) int { return amount + season() }

func season() int {
	if time.Now().Month() == time.December {
		return 1
	}
	return 0
}

// A Table has methods.
type Table[T any] struct{ clock func() time.Time }

func (t *Table[T]) Age(since time.Time) time.Duration { return time.Since(since) }

// Injected calls a clock that Clock puts in.
func (t *Table[T]) Injected() time.Time { return t.clock() }

// Now can be replaced by tests.
var Now = time.Now

// Started is another in each process.
var Started = time.Now()

// Clock only keeps the function.
func Clock() *Table[int] { return &Table[int]{clock: time.Now} }

// Later returns what reads the clock when it is called.
func Later() func() time.Time { return func() time.Time { return time.Now() } }

// Even and Odd call each other.
func Even(n int) bool { return n == 0 || Odd(n-1) }

// Odd is the other one.
func Odd(n int) bool { return n != 0 && time.Now().IsZero() && Even(n-1) }

// Month computes with a time that it gets.
func Month(t time.Time) time.Month { return t.Add(48 * time.Hour).Truncate(time.Hour).Month() }

var quotes int

var seen = map[string]bool{}

// Number counts up.
func Number() int {
	quotes++
	return quotes
}

// Known fills a table.
func Known(sku string) bool {
	seen[sku] = len(sku) > 3
	return seen[sku]
}

// ID draws from another module.
func ID() string { return uuid.NewString() }

// Dice throws.
func Dice() int { return mrand.IntN(6) }

// Seeded is the same for the same seed.
func Seeded(seed uint64) int { return mrand.New(mrand.NewPCG(seed, 1)).IntN(6) }

// Secret is drawn by a variable of the standard library.
func Secret() []byte {
	b := make([]byte, 8)
	_, _ = rand.Reader.Read(b)
	return b
}

// Region asks the environment.
func Region() string { return os.Getenv("REGION") }

// Rates asks the network.
func Rates(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://rates.example", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		err = resp.Body.Close()
	}
	return err
}

// Gateway is what nobody can follow.
type Gateway interface {
	Charge(ctx context.Context, amount int) error
	Name() string
}

// Pay charges by way of the gateway.
func Pay(ctx context.Context, g Gateway, amount int) error { return g.Charge(ctx, amount) }

// Print prints.
func Print(x any) { fmt.Println(x) }

// Recorded runs fn in a step.
func Recorded[T any](ctx durable.Context, name string, fn func() (T, error)) (T, error) {
	return durable.Step(ctx, name, func(context.Context) (T, error) { return fn() })
}

// Twice hands on what Recorded runs in a step.
func Twice(ctx durable.Context, fn func() (int, error)) (int, error) {
	if n, err := Recorded(ctx, "first", fn); err != nil {
		return n, err
	}
	return Recorded(ctx, "second", fn)
}

// Names returns them as they come.
func Names(m map[string]int) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}

// SortedNames sorts them.
func SortedNames(m map[string]int) []string {
	names := Names(m)
	slices.Sort(names)
	return names
}

// AllNames hands them on.
func AllNames(m map[string]int) []string { return Names(m) }

// Sum adds up.
func Sum(m map[string]int) (sum int) {
	for _, n := range m {
		sum += n
	}
	return sum
}

// Doubles works on several processors.
func Doubles(in []int) []int {
	out := make([]int, len(in))
	var all sync.WaitGroup
	for i := range in {
		all.Add(1)
		go func() { defer all.Done(); out[i] = 2 * in[i] }()
	}
	all.Wait()
	return out
}
