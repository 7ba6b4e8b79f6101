package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/protocol"
)

// onDisk is a fixture whose executions are in memory only as far as the engine keeps them there.
func onDisk(t *testing.T, cache int) *fixture {
	st, err := sqlitestore.Open(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, front: st, clock: true, opts: engine.Options{Cache: cache}}
	f.open()
	t.Cleanup(func() {
		f.Close(context.Background())
		st.Close()
	})
	return f
}

// Executions that have ended hold no more memory than the cache may, however large they are, and one that runs holds
// its payloads once.
func TestMemoryIsBounded(t *testing.T) {
	const cache, slack = 4 * large, 3 * large
	f := onDisk(t, cache)
	release, running := make(chan struct{}), make(chan struct{})
	f.durable("large", func(c *call) engine.Outcome {
		for i := range 4 {
			if !c.step(fmt.Sprint(i), largeEvent()[:large/2]+`"`) {
				return crash(c.err.Error())
			}
		}
		return succeed("1")
	})
	f.durable("slow", func(c *call) engine.Outcome {
		c.Payload = nil // as the pool of processes lets go of it
		c.in.InitialExecutionState.Operations = nil
		running <- struct{}{}
		<-release
		return succeed("1")
	})
	before := int(heap())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				f.result(f.start("large", "", largeEvent()))
			}
		})
	}
	group.Wait()
	if got := int(heap()) - before; got > cache+slack {
		t.Errorf("60 MB of ended executions hold %d bytes, want at most %d", got, cache+slack)
	}

	// In use, all of which leave memory but for the cache.
	for range 10 {
		f.start("slow", "", largeEvent())
		<-running
	}
	if got := int(heap()) - before; got > cache+slack {
		t.Errorf("10 MB of running executions hold %d bytes, want at most %d", got, cache+slack)
	}
	close(release)
}

// A page of a history costs as much memory as it may hold, and not as much as the history.
func TestMemoryOfAHistoryPage(t *testing.T) {
	const page = 5 * large // and one event
	f := onDisk(t, large)
	f.durable("large", func(c *call) engine.Outcome {
		for i := range 20 {
			if !c.step(fmt.Sprint(i), largeEvent()[:large-1]+`"`) {
				return crash(c.err.Error())
			}
		}
		return succeed("1")
	})
	arn := f.start("large", "", "{}")
	f.result(arn)
	var before, after runtime.MemStats
	for marker, pages := "", 1; ; pages++ {
		runtime.ReadMemStats(&before)
		events, next, err := f.History(t.Context(), &engine.HistoryRequest{ARN: arn, Marker: marker, MaxItems: protocol.MaxPage})
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, ev := range events {
			if ev.Payload != nil {
				held += len(*ev.Payload)
			}
		}
		if got := int(after.TotalAlloc - before.TotalAlloc); held > page || got > 3*(page+large) {
			t.Errorf("page %d of %d bytes took %d bytes, want at most %d", pages, held, got, 3*(page+large))
		}
		if marker = next; next == "" {
			if pages < 4 {
				t.Errorf("got %d pages, want at least 4", pages)
			}
			break
		}
	}
}
