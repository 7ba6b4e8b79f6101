package main

import (
	"fmt"
	"strings"
)

// InvalidOrderError says why an order cannot be processed: every reason, so
// that whoever sent the order can correct it in one go.
type InvalidOrderError struct {
	OrderID string
	Reasons []string
}

func (e *InvalidOrderError) Error() string {
	return fmt.Sprintf("order %q is invalid: %s", e.OrderID, strings.Join(e.Reasons, "; "))
}

// validate returns an [*InvalidOrderError] if anything is wrong with the order.
func validate(order Order) error {
	var reasons []string
	if len(order.Items) == 0 {
		reasons = append(reasons, "it has no items")
	}
	if order.AmountCents <= 0 {
		reasons = append(reasons, fmt.Sprintf("its amount must be above zero, not %d cents", order.AmountCents))
	}
	if len(reasons) > 0 {
		return &InvalidOrderError{OrderID: order.OrderID, Reasons: reasons}
	}
	return nil
}
