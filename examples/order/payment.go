package main

import (
	"crypto/sha256"
	"encoding/hex"
)

// Payment is what the payment provider answers.
type Payment struct {
	TransactionID string `json:"transaction_id"`
	AmountCents   int64  `json:"amount_cents"`
}

// charge stands in for a call to a payment provider. Like a real one it takes an idempotency key: asked twice with
// the same key, it answers with the same transaction instead of charging twice.
func charge(key string, order Order) Payment {
	sum := sha256.Sum256([]byte(key))
	return Payment{
		TransactionID: "txn_" + hex.EncodeToString(sum[:10]),
		AmountCents:   order.AmountCents,
	}
}
