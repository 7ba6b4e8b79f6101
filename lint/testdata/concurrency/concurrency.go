package concurrency

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/price"
)

type state struct {
	mu    sync.Mutex
	once  sync.Once
	count atomic.Int32
	seen  sync.Map
}

func handler(ctx durable.Context, s *state) error {
	results := make(chan int, 1)
	go func() { results <- 1 }() // want `concurrency: starts a goroutine.*use durable.Go` `sends to a channel`
	<-results                    // want `waits for a channel`
	results <- 1                 // want `sends to a channel`
	select {                     // want `selects among channels.*use durable.Select`
	case <-results:
	case <-ctx.Done():
	}
	for range results { // want `waits for a channel`
	}
	s.mu.Lock() // want `calls sync.Mutex.Lock`
	defer s.mu.Unlock()
	s.once.Do(func() {})   // want `calls sync.Once.Do`
	s.count.Add(1)         // want `calls atomic.Int32.Add`
	s.seen.Store("a", "b") // want `calls sync.Map.Store`
	var all sync.WaitGroup
	all.Add(1)
	all.Wait() // want `calls sync.WaitGroup.Wait`
	var g errgroup.Group
	g.Go(func() error { return nil }) // want `calls errgroup.Group.Go`
	_ = g.Wait()                      // want `calls errgroup.Group.Wait`
	price.Doubles(nil)                // want `calls price.Doubles, which has a go statement at price.go`
	<-time.After(time.Second)
	f := durable.Go(ctx, "future", func(ctx durable.Context) (int, error) {
		s.mu.Lock() // want `sync.Mutex.Lock`
		s.mu.Unlock()
		return 1, nil
	})
	<-f.Done() // want `waits for a channel`
	return nil
}

func fine(ctx durable.Context, s *state) (int, error) {
	f := durable.Go(ctx, "future", func(ctx durable.Context) (int, error) {
		return durable.Step(ctx, "step", func(ctx context.Context) (int, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			done := make(chan int)
			go func() { done <- len(price.Doubles(nil)) }()
			select {
			case n := <-done:
				return n, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		})
	})
	return f.Result(ctx)
}

func plain(s *state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	go s.count.Add(1)
}
