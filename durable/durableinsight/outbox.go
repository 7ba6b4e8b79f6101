package durableinsight

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// batchSize is how many records are delivered at a time, at most, and how many
// gather before they are delivered without waiting for an invocation's end.
const batchSize = 500

// outbox holds the records of all invocations of a plugin until they are
// delivered.
type outbox struct {
	sink Sink
	kept int
	turn chan struct{} // holds a value while somebody delivers

	mu      sync.Mutex // guards what follows
	records []Record
	added   int // since the last delivery
}

// add reports whether it is time to deliver.
func (o *outbox) add(r Record) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records = append(o.records, r)
	o.added++
	return o.added == batchSize
}

// deliver offers the sink all records, and returns how many are left, and how
// many were dropped because there are too many.
func (o *outbox) deliver(ctx context.Context) (left, dropped int, err error) {
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return o.size(), 0, fmt.Errorf("another invocation is still delivering: %w", ctx.Err())
	}
	for {
		batch := o.take()
		if len(batch) == 0 {
			return 0, 0, nil
		}
		if err := o.offer(ctx, batch); err != nil {
			left, dropped = o.putBack(batch)
			return left, dropped, err
		}
	}
}

// offer calls the sink. A panic counts as a refusal.
func (o *outbox) offer(ctx context.Context, batch []Record) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the sink panicked: %v", v)
		}
	}()
	return o.sink.Deliver(ctx, batch)
}

func (o *outbox) take() []Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.added = 0
	n := min(len(o.records), batchSize)
	batch := slices.Clone(o.records[:n])
	o.records = slices.Delete(o.records, 0, n)
	return batch
}

// putBack takes back what was not delivered, before what came meanwhile.
func (o *outbox) putBack(batch []Record) (left, dropped int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records = slices.Insert(o.records, 0, batch...)
	dropped = max(len(o.records)-o.kept, 0)
	o.records = slices.Delete(o.records, 0, dropped)
	return len(o.records), dropped
}

func (o *outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.records)
}
