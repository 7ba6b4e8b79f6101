package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
)

// entrySize is that of a small checkpoint.
const entrySize = 200

// BenchmarkCommit measures commits of one small entry each, by one writer and
// by 64, and whether the length of a journal matters.
func BenchmarkCommit(b *testing.B, open func(b *testing.B) store.Store) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchmarkWriters(b, open(b), writers) })
	}
	for _, length := range []int64{10, 100_000} {
		b.Run(fmt.Sprintf("behind=%d", length), func(b *testing.B) { benchmarkLength(b, open(b), length) })
	}
}

// benchmarkWriters gives each writer its own executions of 50 entries.
func benchmarkWriters(b *testing.B, s store.Store, writers int) {
	defer s.Close()
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("01980000-%04d-7000-8000-%012d", n, i)
				for seq := int64(1); seq <= 50; seq++ {
					if left.Add(-1) < 0 {
						return
					}
					mustCommit(b, s, small(id, seq))
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// benchmarkLength appends to one journal of about the same length throughout.
func benchmarkLength(b *testing.B, s store.Store, length int64) {
	defer s.Close()
	writes := make([]store.Write, length)
	for i := range writes {
		writes[i] = small("01980000-0000-7000-8000-000000000000", int64(i+1))
	}
	mustCommit(b, s, writes...)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		mustCommit(b, s, small("01980000-0000-7000-8000-000000000000", length+int64(i)+1))
	}
}

func small(id string, seq int64) store.Write {
	w := store.Write{ID: id, Entry: store.Entry{Seq: seq, Data: make([]byte, entrySize)}}
	if seq == 1 {
		w.Row = newRow(id)
	}
	return w
}
