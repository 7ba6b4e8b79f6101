package main

import (
	"testing"

	"github.com/perdure/perdure/durabletest"
)

// Wherever the process dies, the order completes.
func TestOrderSurvives(t *testing.T) {
	r := durabletest.Explore(t, processOrder, Order{AmountCents: 4200}, nil).Undisturbed
	if got, want := r.Output().Shipment, "shipped for 4200 cents"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
