package durable_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
)

// drawn is what one run of the code drew.
type drawn struct {
	UUIDs   []string
	Numbers []int64
	Nows    []time.Time
}

func TestDeterministicValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		var runs []drawn
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			runs = append(runs, drawn{})
			d := &runs[len(runs)-1]
			draw := func(ctx durable.Context) {
				d.UUIDs = append(d.UUIDs, durable.UUID(ctx), durable.UUID(ctx))
				d.Numbers = append(d.Numbers, durable.Rand(ctx).Int64(), durable.Rand(ctx).Int64())
				d.Nows = append(d.Nows, durable.Now(ctx))
			}
			draw(ctx)
			if err := durable.Wait(ctx, "", time.Minute); err != nil {
				return 0, err
			}
			_, err := durable.RunInChildContext(ctx, "", func(ctx durable.Context) (int, error) { draw(ctx); return 0, nil },
				durable.WithVirtual())
			if err != nil {
				return 0, err
			}
			draw(ctx)
			return 1, durable.Wait(ctx, "", time.Minute)
		}, durable.WithClient(svc))
		if out := svc.run(h); out.result() != "1" || len(runs) != 3 {
			t.Fatalf("got %s %s in %d runs", out.result(), out.errorText(), len(runs))
		}
		if diff := cmp.Diff(runs[1], runs[2]); diff != "" {
			t.Errorf("the last two runs differ:\n%s", diff)
		}
		if diff := cmp.Diff(runs[0].UUIDs, runs[1].UUIDs[:2]); diff != "" {
			t.Errorf("the first two runs differ:\n%s", diff)
		}
		if d := runs[2].Nows[2].Sub(runs[2].Nows[0]); d != time.Minute || !runs[2].Nows[0].Equal(runs[0].Nows[0]) {
			t.Errorf("got times %v, want a minute apart", runs[2].Nows)
		}
		seen := make(map[any]bool)
		for _, id := range runs[2].UUIDs {
			if seen[id] || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
				t.Errorf("%s was drawn twice, or is no UUID", id)
			}
			seen[id] = true
		}
		for _, n := range runs[2].Numbers {
			if seen[n] {
				t.Errorf("%d was drawn twice", n)
			}
			seen[n] = true
		}
	})
}

// The values are part of the compatibility promise: they must not change while
// an execution is under way.
func TestDerivedValuesArePinned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			got := fmt.Sprint(durable.UUID(ctx), " ", durable.Rand(ctx).Uint32())
			if want := "0de86aa9-ee3c-5859-b687-d08703e5665b 1151976330"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			return nil, nil
		}, durable.WithClient(svc)))
	})
}

// Now is recorded: the second run, a day later, sees the same time.
func ExampleNow() {
	svc := simulated(`{}`)
	var first time.Time
	handler := func(ctx durable.Context, _ struct{}) (bool, error) {
		now := durable.Now(ctx)
		if first.IsZero() {
			first = now
		}
		return now.Equal(first), durable.Wait(ctx, "a-day", 24*time.Hour)
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: true
}

// A UUID is the same on every run.
func ExampleUUID() {
	svc := simulated(`{}`)
	drawn := make(map[string]bool)
	handler := func(ctx durable.Context, _ struct{}) (int, error) {
		drawn[durable.UUID(ctx)] = true
		return len(drawn), durable.Wait(ctx, "pause", time.Minute)
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: 1
}

// A dice falls the same way on every run.
func ExampleRand() {
	svc := simulated(`{}`)
	thrown := make(map[int]bool)
	handler := func(ctx durable.Context, _ struct{}) (int, error) {
		thrown[durable.Rand(ctx).IntN(6)+1] = true
		return len(thrown), durable.Wait(ctx, "pause", time.Minute)
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: 1
}
