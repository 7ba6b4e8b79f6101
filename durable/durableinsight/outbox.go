package durableinsight

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/telemetry"
)

// maxKept bounds the undelivered records that are kept, in bytes. The oldest go first.
const maxKept = 16 << 20

// outbox holds the records of all invocations of a plugin until they are delivered.
type outbox struct {
	sink Sink

	mu      sync.Mutex // guards what follows
	waiting []waiting
	busy    chan struct{}      // while somebody delivers; then closed
	beside  bool               // a goroutine delivers, or is about to
	emitted protocol.Timestamp // of the record made last
	dropped int                // dropped records that nobody was told of
}

// waiting is a record to be delivered. It is made late, so that many changes soon after each other make one; but at
// once if it is an execution's last.
type waiting struct {
	arn    string
	make   func(now protocol.Timestamp) Record // nil once it is made
	record Record
	size   int
}

func newOutbox(sink Sink) *outbox { return &outbox{sink: sink} }

// put adds a record, in place of a waiting one of the same execution that was not made yet. It makes the last one
// now.
func (o *outbox) put(arn string, record func(protocol.Timestamp) Record, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = slices.DeleteFunc(o.waiting, func(w waiting) bool { return w.arn == arn && w.make != nil })
	w := waiting{arn: arn, make: record}
	if last {
		o.complete(&w)
	}
	o.waiting = append(o.waiting, w)
	o.bound()
}

// complete makes the record. All records have different times, so that those of one execution do.
func (o *outbox) complete(w *waiting) {
	if w.make == nil {
		return
	}
	o.emitted = max(o.emitted+1, protocol.TimestampOf(time.Now()))
	w.record, w.make = w.make(o.emitted), nil
	w.size = len(w.record.JSON())
}

func (o *outbox) bound() {
	size := 0
	for i := len(o.waiting) - 1; i >= 0; i-- {
		if size += o.waiting[i].size + len(o.waiting[i].arn); size > maxKept {
			o.dropped += i + 1
			o.waiting = slices.Delete(o.waiting, 0, i+1)
			return
		}
	}
}

// deliverBeside delivers the waiting records while the caller goes on. Refused ones wait for the next delivery.
func (o *outbox) deliverBeside(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.beside {
		return
	}
	o.beside = true
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxDelivery)
		defer cancel()
		_, _ = o.offer(ctx, func() { o.beside = false }) // the end of the invocation tells of errors
	}()
}

// deliver offers the sink all records, and returns how many are left, and how many were dropped for want of room.
func (o *outbox) deliver(ctx context.Context) (left, dropped int, err error) {
	left, err = o.offer(ctx, func() {})
	o.mu.Lock()
	defer o.mu.Unlock()
	dropped, o.dropped = o.dropped, 0
	return left, dropped, err
}

// offer gives the sink the waiting records, and returns how many are left. It calls taken, with the lock, when it
// has taken them.
func (o *outbox) offer(ctx context.Context, taken func()) (left int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.turn(ctx); err != nil {
		taken()
		return len(o.waiting), fmt.Errorf("another invocation is still delivering: %w", err)
	}
	taken()
	batch := o.waiting
	o.waiting = nil
	if len(batch) == 0 {
		return 0, nil
	}
	records := make([]Record, len(batch))
	for i := range batch {
		o.complete(&batch[i])
		records[i] = batch[i].record
	}
	left, err = o.call(ctx, records)
	o.waiting = slices.Insert(o.waiting, 0, batch[len(batch)-left:]...)
	o.bound()
	return len(o.waiting), err
}

// call calls the sink, without the lock.
func (o *outbox) call(ctx context.Context, records []Record) (left int, err error) {
	o.busy = make(chan struct{})
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		close(o.busy)
		o.busy = nil
	}()
	return telemetry.Deliver(ctx, o.sink, records)
}

// turn waits, without the lock, until nobody else delivers. The deliverers make the channels, so that a test of an
// execution may wait in virtual time.
func (o *outbox) turn(ctx context.Context) error {
	for o.busy != nil {
		busy := o.busy
		o.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
		}
		o.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
