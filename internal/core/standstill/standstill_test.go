package standstill

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestWithDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		held := func() bool { return time.Since(began) < 10*time.Second }
		ctx, cancel := WithDeadline(t.Context(), began.Add(3*time.Second), time.Second, held)
		defer cancel()
		<-ctx.Done()
		if took := time.Since(began); took != 10*time.Second || context.Cause(ctx) != context.DeadlineExceeded {
			t.Errorf("it ended after %v with %v, want 10s, when it was held no more", took, context.Cause(ctx))
		}
	})
}

func TestWithDeadlineThatHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := WithDeadline(t.Context(), began.Add(3*time.Second), time.Second, func() bool { return false })
		defer cancel()
		<-ctx.Done()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it ended after %v, want 3s", took)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := WithDeadline(t.Context(), time.Now().Add(time.Second), time.Second, func() bool {
			t.Error("asked after the end")
			return true
		})
		cancel()
		time.Sleep(time.Minute)
		if ctx.Err() == nil || context.Cause(ctx) != context.Canceled {
			t.Errorf("got %v", context.Cause(ctx))
		}
	})
}
