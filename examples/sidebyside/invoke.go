package sidebyside

import (
	"fmt"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// Parcel is what a carrier takes.
type Parcel struct {
	To    string
	Grams int
}

// Label is what is stuck on it.
type Label struct{ Tracking string }

// Carrier is another function: its name, what it takes, and what it returns.
var Carrier = durable.Function[Parcel, Label]{Name: "carrier:1"}

// Ship has the carrier print a label.
func Ship(ctx durable.Context, to string) (string, error) {
	label, err := Carrier.Invoke(ctx, "print_label", Parcel{To: to, Grams: 500})
	if _, failed := durable.Failed(err, protocol.SubTypeChainedInvoke); failed {
		return "", fmt.Errorf("nobody ships to %s: %w", to, err)
	}
	return label.Tracking, err
}
