package handler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure"
	"github.com/perdure/perdure/bench/peers/handler"
	"github.com/perdure/perdure/bench/peers/workload"
	"github.com/perdure/perdure/engine/memstore"
)

// The function does all that an order says, and says so.
func TestHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := perdure.Open(t.Context(), "", &perdure.Options{Store: memstore.New(), VirtualTime: true})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(context.Background())
		if err := perdure.Handle(p, workload.Function, handler.Handle); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			order workload.Order
			takes time.Duration
		}{
			{workload.Order{Steps: 3, Bytes: 1000}, 0},
			{workload.Order{Items: 5}, 0},
			{workload.Order{Sleep: time.Hour, Steps: 1}, time.Hour},
			{workload.Order{Until: time.Now().Add(2 * time.Hour)}, time.Hour}, // one of the two has passed
		} {
			began := time.Now()
			x, err := perdure.Start(t.Context(), p, workload.Function, c.order)
			if err != nil {
				t.Fatal(err)
			}
			got, err := perdure.Wait[int](t.Context(), p, x.ARN)
			if err != nil || got != c.order.Total() || time.Since(began).Round(time.Second) != c.takes {
				t.Errorf("%+v: got %d, %v after %v, want %d after %v",
					c.order, got, err, time.Since(began), c.order.Total(), c.takes)
			}
		}
	})
}
