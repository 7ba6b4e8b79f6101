// Package helper runs functions on other goroutines.
package helper

import "github.com/perdure/perdure/durable"

// Background runs f on another goroutine.
func Background(f func()) { go f() }

// Now runs f at once.
func Now(f func()) { f() }

// Pause waits.
func Pause(ctx durable.Context) error { return durable.Wait(ctx, "pause", 1e9) }
