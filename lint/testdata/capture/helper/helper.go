// Package helper has a method that changes its receiver.
package helper

import "github.com/perdure/perdure/durable"

type Quote struct{ Cents int }

func (q *Quote) Load() { q.Cents = 7 }

var _ durable.Context
