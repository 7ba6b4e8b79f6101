package main

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestItemsAcceptAListOrOneItem(t *testing.T) {
	one := Items{{SKU: "WIDGET-001", Quantity: 2, UnitPriceCents: 4999}}
	tests := []struct {
		name, json string
		want       Items
	}{
		{"list", `[{"sku":"WIDGET-001","quantity":2,"unit_price_cents":4999}]`, one},
		{"one item", `{"sku":"WIDGET-001","quantity":2,"unit_price_cents":4999}`, one},
		{"one item, indented", "\n  {\"sku\":\"WIDGET-001\",\"quantity\":2,\"unit_price_cents\":4999}", one},
		{"two items", `[{"sku":"A"},{"sku":"B"}]`, Items{{SKU: "A"}, {SKU: "B"}}},
		{"empty list", `[]`, Items{}},
		{"null", `null`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var order Order
			if err := json.Unmarshal([]byte(`{"items":`+test.json+`}`), &order); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, order.Items); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
		})
	}
}

func TestItemsRefuseOtherShapes(t *testing.T) {
	for _, data := range []string{`"WIDGET-001"`, `7`, `[1]`, `{"quantity":"two"}`} {
		var items Items
		if err := json.Unmarshal([]byte(data), &items); err == nil {
			t.Errorf("items %s: got %v, want an error", data, items)
		}
	}
}

func TestTheSampleEventIsAValidOrder(t *testing.T) {
	data, err := os.ReadFile("events/event.json")
	if err != nil {
		t.Fatal(err)
	}
	var got Order
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := Order{
		OrderID: "ORD-12345", CustomerID: "CUST-001", AmountCents: 9999,
		Items: Items{{SKU: "WIDGET-001", Quantity: 2, UnitPriceCents: 4999}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if err := validate(got); err != nil {
		t.Errorf("validate: got %v, want no error", err)
	}
}

func TestValidateListsEveryReason(t *testing.T) {
	items := Items{{SKU: "WIDGET-001", Quantity: 1}}
	const noItems, noAmount = "it has no items", "its amount must be above zero"
	tests := []struct {
		name  string
		order Order
		want  []string // the start of each reason
	}{
		{"valid", Order{AmountCents: 1, Items: items}, nil},
		{"no items", Order{AmountCents: 1}, []string{noItems}},
		{"amount zero", Order{Items: items}, []string{noAmount}},
		{"amount below zero", Order{AmountCents: -1, Items: items}, []string{noAmount}},
		{"both", Order{}, []string{noItems, noAmount}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := validate(test.order)
			var invalid *InvalidOrderError
			if errors.As(err, &invalid) != (test.want != nil) {
				t.Fatalf("got error %v, want reasons %q", err, test.want)
			}
			for _, reason := range test.want {
				if !strings.Contains(err.Error(), reason) {
					t.Errorf("got error %q, want it to say %q", err, reason)
				}
			}
			if invalid != nil && len(invalid.Reasons) != len(test.want) {
				t.Errorf("got reasons %q, want %q", invalid.Reasons, test.want)
			}
		})
	}
}

func TestChargingAgainWithTheSameKeyIsTheSameTransaction(t *testing.T) {
	order := Order{AmountCents: 9999}
	first, again, other := charge("key-1", order), charge("key-1", order), charge("key-2", order)
	if !regexp.MustCompile(`^txn_[0-9a-f]{20}$`).MatchString(first.TransactionID) {
		t.Errorf("got transaction %q, want txn_ and 20 hexadecimal digits", first.TransactionID)
	}
	if first != again {
		t.Errorf("got %v for the repeated key, want %v", again, first)
	}
	if first.TransactionID == other.TransactionID {
		t.Errorf("two keys got the same transaction %q", first.TransactionID)
	}
}

func TestShip(t *testing.T) {
	shipped := time.Date(2026, 11, 26, 23, 30, 0, 0, time.FixedZone("two hours ahead", 2*60*60))
	got := ship(shipped)
	if want := "2026-12-01"; got.EstimatedDelivery != want {
		t.Errorf("got delivery on %s, want %s", got.EstimatedDelivery, want)
	}
	if !regexp.MustCompile(`^TRK[A-Z2-7]{12}$`).MatchString(got.TrackingNumber) {
		t.Errorf("got tracking number %q, want TRK and 12 letters or digits", got.TrackingNumber)
	}
	if other := ship(shipped); other.TrackingNumber == got.TrackingNumber {
		t.Errorf("two shipments got the same tracking number %q", got.TrackingNumber)
	}
}
