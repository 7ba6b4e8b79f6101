package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
	"github.com/perdure/perdure/durabletest/golden"
)

// The tests in this file run the whole workflow, on Perdure's engine and in
// virtual time: the 5 s of waiting take none.

// sample is the order in events/event.json.
func sample(t *testing.T) json.RawMessage {
	t.Helper()
	data, err := os.ReadFile("events/event.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOrderCompletes(t *testing.T) {
	result := durabletest.Run(t, processOrder, sample(t))
	receipt := result.Output()

	var payment Payment
	var shipment Shipment
	result.Decode("process_payment", &payment)
	result.Decode("fulfill_order", &shipment)
	want := Receipt{
		Status:            "completed",
		OrderID:           "ORD-12345",
		TransactionID:     payment.TransactionID,
		TrackingNumber:    shipment.TrackingNumber,
		EstimatedDelivery: shipment.EstimatedDelivery,
	}
	if diff := cmp.Diff(want, receipt); diff != "" {
		t.Errorf("receipt (-want +got):\n%s", diff)
	}
	if payment.AmountCents != 9999 {
		t.Errorf("charged %d cents, want 9999", payment.AmountCents)
	}
	if result.Elapsed != confirmationTime {
		t.Errorf("it took %v, want only the confirmation's %v", result.Elapsed, confirmationTime)
	}
	if len(result.Logs) != 1 || result.Logs[0].Attrs["order_id"] != "ORD-12345" {
		t.Errorf("got log lines %v, want one about the order", result.Logs)
	}
}

// TestHistoryOfAnOrder: what a change does to orders under way is a difference of this file.
func TestHistoryOfAnOrder(t *testing.T) {
	result := durabletest.Run(t, processOrder, sample(t))
	golden.History(t, "testdata/order.golden", result.History,
		golden.Replace("txn_[0-9a-f]+", "txn_1"), golden.Replace("TRK[A-Z2-7]+", "TRK1"))
}

func TestReceiptAsCallersSeeIt(t *testing.T) {
	receipt, err := json.Marshal(durabletest.Run(t, processOrder, sample(t)).Output())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(receipt, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"status", "order_id", "transaction_id", "tracking_number", "estimated_delivery"} {
		if got[name] == "" {
			t.Errorf("the receipt has no %s: %s", name, receipt)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("the receipt has members that are not documented: %v", got)
	}
}

func TestASingleItemNeedsNoList(t *testing.T) {
	event := json.RawMessage(`{"order_id":"ORD-1","amount_cents":100,"items":{"sku":"WIDGET-001","quantity":1,"unit_price_cents":100}}`)
	if got := durabletest.Run(t, processOrder, event).Output().OrderID; got != "ORD-1" {
		t.Errorf("got order %q, want ORD-1", got)
	}
}

func TestAnInvalidOrderFailsAtOnceWithEveryReason(t *testing.T) {
	result := durabletest.Run(t, processOrder, Order{OrderID: "ORD-0"})
	if result.Status != durabletest.Failed {
		t.Fatalf("got %s, want FAILED:\n%s", result.Status, result.History.Details())
	}
	for _, reason := range []string{"ORD-0", "it has no items", "its amount must be above zero"} {
		if !strings.Contains(result.Error.ErrorMessage, reason) {
			t.Errorf("got error %q, want it to say %q", result.Error.ErrorMessage, reason)
		}
	}
	step := result.Operation("validate_order")
	if step.Attempt != 1 || step.Error.ErrorType != "InvalidOrderError" {
		t.Errorf("got attempt %d with %s, want one with InvalidOrderError", step.Attempt, step.Error.ErrorType)
	}
	if result.Invocations != 1 || result.Elapsed != 0 {
		t.Errorf("got %d invocations in %v, want 1 in no time", result.Invocations, result.Elapsed)
	}
	if n := len(result.History.Operations()); n != 1 {
		t.Errorf("got %d operations, want only the validation:\n%s", n, result.History)
	}
}

// An event that is no order fails the execution with a message that says so.
func TestAnEventOfTheWrongShape(t *testing.T) {
	result := durabletest.Run(t, processOrder, json.RawMessage(`{"items":"WIDGET-001"}`))
	if result.Status != durabletest.Failed || !strings.Contains(result.Error.ErrorMessage, "items") {
		t.Errorf("got %s with %+v, want FAILED with an error about items", result.Status, result.Error)
	}
}

// Wherever the function dies, the order completes, and nobody waits longer or
// shorter than the 5 s.
func TestTheOrderSurvivesACrashAtEachOperation(t *testing.T) {
	crashes := map[string]func(x *durabletest.Execution, operation string){
		"before": (*durabletest.Execution).CrashBefore,
		"after":  (*durabletest.Execution).CrashAfter,
	}
	for _, operation := range []string{"validate_order", "process_payment", "payment_confirmation", "fulfill_order"} {
		for moment, crash := range crashes {
			t.Run(moment+" recording "+operation, func(t *testing.T) {
				result := durabletest.Drive(t, processOrder, sample(t), func(_ *testing.T, x *durabletest.Execution) {
					crash(x, operation)
				})
				if got := result.Output().Status; got != "completed" {
					t.Errorf("got status %q", got)
				}
				if wait := result.Operation("payment_confirmation"); wait.End.Sub(wait.Start) != confirmationTime {
					t.Errorf("the wait took %v", wait.End.Sub(wait.Start))
				}
			})
		}
	}
}

// A step whose result was not recorded runs again; one whose result was, never.
// That is "at least once".
func TestWhatACrashRepeats(t *testing.T) {
	charges := func(crash func(*durabletest.Execution)) (made []Payment, receipt Receipt) {
		handler := func(ctx durable.Context, order Order) (Receipt, error) {
			payment, err := durable.Step(ctx, "process_payment", func(ctx context.Context) (Payment, error) {
				payment := charge(durable.IdempotencyKey(ctx), order)
				made = append(made, payment)
				return payment, nil
			})
			return Receipt{TransactionID: payment.TransactionID}, err
		}
		result := durabletest.Drive(t, handler, sample(t), func(_ *testing.T, x *durabletest.Execution) { crash(x) })
		return made, result.Output()
	}

	made, receipt := charges(func(x *durabletest.Execution) { x.CrashAfter("process_payment") })
	if len(made) != 1 || receipt.TransactionID != made[0].TransactionID {
		t.Errorf("recorded before the crash: got charges %v and receipt %v, want one charge", made, receipt)
	}
	made, receipt = charges(func(x *durabletest.Execution) { x.CrashBefore("process_payment") })
	if len(made) != 2 || made[0] != made[1] || receipt.TransactionID != made[0].TransactionID {
		t.Errorf("not recorded before the crash: got charges %v and receipt %v, want the same transaction twice", made, receipt)
	}
}

var errProviderDown = errors.New("the payment provider is down")

// A provider that fails twice is asked three times, with pauses, and with one
// idempotency key.
func TestAFailingPaymentIsTriedAgain(t *testing.T) {
	var keys []string
	handler := func(ctx durable.Context, order Order) (Payment, error) {
		return durable.Step(ctx, "process_payment", func(ctx context.Context) (Payment, error) {
			keys = append(keys, durable.IdempotencyKey(ctx))
			if durable.Attempt(ctx) <= 2 {
				return Payment{}, errProviderDown
			}
			return charge(keys[0], order), nil
		}, durable.WithRetry(retry.Policy{Delay: 10 * time.Second, Jitter: retry.NoJitter}))
	}
	result := durabletest.Run(t, handler, sample(t))
	if got := result.Output().AmountCents; got != 9999 {
		t.Errorf("charged %d cents, want 9999", got)
	}
	if result.Elapsed != 30*time.Second {
		t.Errorf("it took %v, want pauses of 10 s and 20 s", result.Elapsed)
	}
	if got := result.Operation("process_payment").Attempt; got != 3 {
		t.Errorf("got %d attempts, want 3", got)
	}
	if len(keys) != 3 || keys[0] != keys[1] || keys[1] != keys[2] {
		t.Errorf("got idempotency keys %q, want the same three times", keys)
	}
}

// A customer who cancels while the payment is being confirmed gets nothing
// shipped.
func TestAnOrderStoppedWhileItWaits(t *testing.T) {
	result := durabletest.Drive(t, processOrder, sample(t), func(_ *testing.T, x *durabletest.Execution) {
		x.Await("payment_confirmation")
		x.Advance(3 * time.Second)
		x.Stop("Cancelled", "the customer changed their mind")
	})
	if result.Status != durabletest.Stopped || result.Error.ErrorType != "Cancelled" {
		t.Errorf("got %s with %+v, want STOPPED with Cancelled", result.Status, result.Error)
	}
	for _, op := range result.History.Operations() {
		if op.Name == "fulfill_order" {
			t.Errorf("the order was shipped:\n%s", result.History)
		}
	}
}

// Wherever the function is killed, a reply is lost, or its state comes in pieces: the order completes, paid once.
func TestOrderSurvives(t *testing.T) {
	durabletest.Explore(t, processOrder, sample(t), nil, durabletest.Equal(func(want, got *durabletest.Result[Receipt]) bool {
		receipt := got.Output()
		receipt.TrackingNumber = want.Output().TrackingNumber // is random
		return receipt == want.Output()
	}))
}
