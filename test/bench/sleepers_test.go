package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/protocol"
)

// sleepers is how many open executions a restart must find its way through.
func sleepers() int {
	if testing.Short() {
		return 5_000
	}
	return 100_000
}

// Executions that sleep cost rows: neither the start of the engine nor a
// question about executions may take longer because there are many of them.
func BenchmarkSleepers(b *testing.B) {
	dir := b.TempDir()
	fillWithSleepers(b, dir)
	b.Run("restart", func(b *testing.B) {
		for b.Loop() {
			e, closeAll := reopen(b, dir)
			start(b, e, "sleeper", "the-first-of-many") // ready is who takes on work
			closeAll()
		}
	})
	e, closeAll := reopen(b, dir)
	defer closeAll()
	for name, q := range map[string]engine.Filter{
		"newest":  {Function: "sleeper"},
		"failed":  {Function: "sleeper", Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}},
		"name":    {Function: "sleeper", Name: "sleeper-2500"},
		"started": {Function: "sleeper", StartedBefore: protocol.TimestampOf(time.Now().Add(-24 * time.Hour))},
	} {
		b.Run("list="+name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := e.List(context.Background(), &engine.ListRequest{Filter: q}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func reopen(b *testing.B, dir string) (e *engine.Engine, closeAll func()) {
	b.Helper()
	st, err := sqlitestore.Open(context.Background(), dir, &sqlitestore.Options{Durability: sqlitestore.None})
	if err != nil {
		b.Fatal(err)
	}
	if e, err = engine.Open(context.Background(), st, nil); err != nil {
		b.Fatal(err)
	}
	err = e.Functions().Register(engine.Function{
		Name: "sleeper", Timeout: time.Minute, Durable: &engine.DurableConfig{ExecutionTimeout: 366 * 24 * time.Hour},
		Invoker: invokerFunc(func(inv *engine.Invocation) engine.Outcome { return sleep(b, e, inv) }),
	})
	if err != nil {
		b.Fatal(err)
	}
	return e, func() {
		e.Close(context.Background())
		st.Close()
	}
}

// fillWithSleepers leaves a store with executions that wait for hours.
func fillWithSleepers(b *testing.B, dir string) {
	e, closeAll := reopen(b, dir)
	defer closeAll()
	var work sync.WaitGroup
	for worker := range 64 {
		work.Go(func() {
			for n := worker; n < sleepers(); n += 64 {
				start(b, e, "sleeper", fmt.Sprintf("sleeper-%d", n))
			}
		})
	}
	work.Wait()
}

func start(b *testing.B, e *engine.Engine, function, name string) {
	if _, err := e.Start(context.Background(), &engine.InvokeRequest{Function: function, Name: name}); err != nil {
		b.Error(err)
	}
}

// sleep is the first invocation of a sleeper: it starts a wait and suspends.
func sleep(b *testing.B, e *engine.Engine, inv *engine.Invocation) engine.Outcome {
	var in protocol.InvocationInput
	if err := json.Unmarshal(inv.Payload, &in); err != nil {
		b.Error(err)
	}
	return sleepFor(b, e, &in, 24*3600)
}
