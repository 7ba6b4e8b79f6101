package engine

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/core/standstill"
)

// hold says whether time stands still for an invocation.
type hold struct {
	held atomic.Pointer[func() bool]
}

// Hold is for the [Invoker] that runs inv: as long as held returns true, the
// engine does not cancel the invocation for taking too long. A debugger that
// has stopped the function's process is what it is for.
func (inv *Invocation) Hold(held func() bool) {
	if inv.hold != nil {
		inv.hold.held.Store(&held)
	}
}

func (h *hold) isHeld() bool {
	held := h.held.Load()
	return held != nil && (*held)()
}

// holdEvery is how often one looks whether time stands still.
const holdEvery = time.Second

// limit returns a context that ends after d, and later while inv is held.
func (e *Engine) limit(inv *Invocation, d time.Duration) (context.Context, context.CancelFunc) {
	inv.hold = &hold{}
	return standstill.WithDeadline(e.ctx, time.Now().Add(d), holdEvery, inv.hold.isHeld)
}
