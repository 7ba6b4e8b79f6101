package main

import (
	"crypto/rand"
	"time"
)

// transitDays is how long the carrier takes.
const transitDays = 5

// Shipment is what the carrier answers.
type Shipment struct {
	TrackingNumber    string `json:"tracking_number"`
	EstimatedDelivery string `json:"estimated_delivery"`
}

// ship stands in for a call to a carrier.
func ship(now time.Time) Shipment {
	return Shipment{
		TrackingNumber:    "TRK" + rand.Text()[:12],
		EstimatedDelivery: now.UTC().AddDate(0, 0, transitDays).Format(time.DateOnly),
	}
}
