package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Order is the event that starts an execution.
type Order struct {
	OrderID     string `json:"order_id"`
	CustomerID  string `json:"customer_id"`
	AmountCents int64  `json:"amount_cents"`
	Items       Items  `json:"items"`
}

// Item is one line of an order.
type Item struct {
	SKU            string `json:"sku"`
	Quantity       int    `json:"quantity"`
	UnitPriceCents int64  `json:"unit_price_cents"`
}

// Items are the lines of an order. In JSON a single line may stand without
// its list: some shops send {"sku": …} where others send [{"sku": …}].
type Items []Item

// UnmarshalJSON accepts a list of items or one item.
func (items *Items) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		var item Item
		if err := json.Unmarshal(data, &item); err != nil {
			return fmt.Errorf("reading the item: %w", err)
		}
		*items = Items{item}
		return nil
	}
	var list []Item
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf("reading the items: %w", err)
	}
	*items = list
	return nil
}

// Receipt is what a completed order returns.
type Receipt struct {
	Status            string `json:"status"`
	OrderID           string `json:"order_id"`
	TransactionID     string `json:"transaction_id"`
	TrackingNumber    string `json:"tracking_number"`
	EstimatedDelivery string `json:"estimated_delivery"` // YYYY-MM-DD
}
