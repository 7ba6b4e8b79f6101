package storetest

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// entrySize is that of a small checkpoint.
const entrySize = 200

// BenchmarkCommit measures commits of one small entry each, by one writer and
// by 64, commits of large ones, and whether the length of a journal matters.
func BenchmarkCommit(b *testing.B, open func(b *testing.B) store.Store) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			benchmarkWriters(b, open(b), writers, entrySize)
		})
	}
	b.Run("large", func(b *testing.B) { benchmarkWriters(b, open(b), 16, 100_000) })
	for _, length := range []int64{10, 100_000} {
		b.Run(fmt.Sprintf("behind=%d", length), func(b *testing.B) { benchmarkLength(b, open(b), length) })
	}
}

// benchmarkWriters gives each writer its own executions of 50 entries.
func benchmarkWriters(b *testing.B, s store.Store, writers, size int) {
	defer s.Close()
	b.SetBytes(int64(size))
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
					mustCommit(b, s, sized(id, seq, size))
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

func small(id string, seq int64) store.Write { return sized(id, seq, entrySize) }

func sized(id string, seq int64, size int) store.Write {
	w := store.Write{ID: id, Entry: store.Entry{Seq: seq, Data: make([]byte, size)}}
	if seq == 1 {
		w.Row = newRow(id)
	}
	return w
}

// benchExecutions is how many executions [BenchmarkList] lists; PERDURE_EXECUTIONS sets another number.
var benchExecutions = func() int {
	if n, err := strconv.Atoi(os.Getenv("PERDURE_EXECUTIONS")); err == nil {
		return n
	}
	return 100_000
}()

// BenchmarkList measures the first page of lists of executions of ten functions, half of them open, with filters that
// many rows pass, and that none does; and counts. Settle is for what a database does by itself after so many writes.
func BenchmarkList(b *testing.B, open func(b *testing.B) store.Store, settle func()) {
	s := open(b)
	defer s.Close()
	fill(b, s)
	settle()
	stuck, settled := &store.Stuck{Trouble: 5, Help: 2, Before: 1 << 40}, &store.Stuck{Help: 5, None: true}
	running := []protocol.ExecutionStatus{protocol.ExecutionRunning}
	failed := []protocol.ExecutionStatus{protocol.ExecutionFailed}
	for _, test := range []struct {
		name  string
		query store.Query
	}{
		{"all", store.Query{}},
		{"oldest first", store.Query{OldestFirst: true}},
		{"function", store.Query{Function: "f3"}},
		{"status", store.Query{Statuses: running}},
		{"status of none", store.Query{Statuses: failed}},
		{"function and status of none", store.Query{Function: "f3", Statuses: failed}},
		{"function and common status of none",
			store.Query{Function: "f3", Statuses: []protocol.ExecutionStatus{protocol.ExecutionSucceeded}}},
		{"name", store.Query{Name: "order-00054321"}},
		{"name prefix of few", store.Query{Name: "order-0005432*"}},
		{"name prefix of all", store.Query{Name: "order*"}},
		{"name prefix of the oldest 1111", store.Query{Name: "order-00000*"}},
		{"name prefix of none", store.Query{Name: "x*"}},
		{"doing", store.Query{Doing: 4}},
		{"doing of few", store.Query{Doing: 1 << 20}},
		{"doing of none", store.Query{Doing: 1 << 30}},
		{"since of none", store.Query{Since: 1}},
		{"function, doing, since of none", store.Query{Function: "f3", Doing: 4, Since: 1}},
		{"name prefix and doing of none", store.Query{Name: "order*", Doing: 1 << 30}},
		{"pattern of few", store.Query{Name: "*-00054321"}},
		{"pattern of none", store.Query{Name: "*x*"}},
		{"pattern of many", store.Query{Name: "*5*1"}},
		{"error", store.Query{Error: "E7", Statuses: failed}},
		{"error of few", store.Query{Error: "Rare", Statuses: failed}},
		{"tag of a hundredth", store.Query{Tags: map[string]string{"team": "7"}}},
		{"tag of few", store.Query{Tags: map[string]string{"rare": "1"}}},
		{"tag and status", store.Query{Tags: map[string]string{"team": "71"}, Statuses: failed}},
		{"tag and status of none", store.Query{Tags: map[string]string{"team": "70"}, Statuses: failed}},
		{"stuck", store.Query{Stuck: stuck}},
		{"stuck of few", store.Query{Stuck: &store.Stuck{Help: 1 << 20}}},
		{"stuck of none", store.Query{Stuck: &store.Stuck{Help: 1 << 30}}},
		{"stuck, with a tag of a hundredth", store.Query{Tags: map[string]string{"team": "8"}, Stuck: stuck}},
		{"stuck, with a tag of none of these", store.Query{Tags: map[string]string{"team": "9"}, Stuck: stuck}},
		{"stuck, with a tag of nearly all", store.Query{Tags: map[string]string{"stage": "live"}, Stuck: stuck}},
		{"not stuck, with a tag of a hundredth", store.Query{Tags: map[string]string{"team": "8"}, Stuck: settled}},
		{"failed and not stuck, with a tag of none of these",
			store.Query{Statuses: failed, Tags: map[string]string{"team": "8"}, Stuck: settled}},
		{"not stuck", store.Query{Stuck: settled}},
		{"last page", store.Query{After: benchID(60)}},
		{"between", store.Query{After: benchID(50_100), Until: benchID(50_000), Function: "f3"}},
	} {
		b.Run(test.name, func(b *testing.B) {
			test.query.Limit = 50
			for b.Loop() {
				if _, err := s.List(background, test.query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, test := range []struct {
		name  string
		query store.Query
		by    store.Grouping
	}{
		{"by status", store.Query{}, store.Grouping{Status: true}},
		{"by status of a function", store.Query{Function: "f3"}, store.Grouping{Status: true}},
		{"by status of a pattern", store.Query{Name: "*5*"}, store.Grouping{Status: true}},
		{"by status of a tag", store.Query{Tags: map[string]string{"team": "7"}}, store.Grouping{Status: true}},
		{"failures", store.Query{Statuses: failed}, store.Grouping{Function: true, Error: true}},
		{"by doing", store.Query{Doing: 1<<21 - 1}, store.Grouping{Doing: true}},
		{"open by function", store.Query{Statuses: running}, store.Grouping{Function: true}},
	} {
		b.Run("count "+test.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Count(background, test.query, test.by); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchID(i int) string { return fmt.Sprintf("01980000-%04x-7000-8000-%012x", i>>16, i) }

// fill starts the executions; each hundredth does something special.
func fill(b *testing.B, s store.Store) {
	b.Helper()
	var writes []store.Write
	for i := range benchExecutions {
		row := newRow(benchID(i))
		row.ARN = fmt.Sprintf("arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/%d/%s", i, row.ID)
		row.Function, row.Name = fmt.Sprintf("f%d", i%10), fmt.Sprintf("order-%08d", i)
		row.Started, row.Due = protocol.Timestamp(1000+i), protocol.Timestamp(5000+i)
		row.Doing, row.Since = 1<<(i%4), row.Started
		if i%100 == 0 {
			row.Doing |= 1 << 20
		}
		row.Tags = map[string]string{"team": fmt.Sprint(i % 100), "stage": "live"}
		if i%2 == 1 {
			row.Status, row.Due, row.Doing, row.Since = protocol.ExecutionSucceeded, 0, 0, 0
		}
		if i%10 == 1 {
			row.Status, row.Error = protocol.ExecutionFailed, fmt.Sprint("E", i/10%20)
		}
		if i%10_000 == 1 {
			row.Error, row.Tags = "Rare", map[string]string{"rare": "1"}
		}
		w := start(row)
		w.Entry.Data = make([]byte, entrySize)
		if writes = append(writes, w); len(writes) == 1000 {
			mustCommit(b, s, writes...)
			writes = writes[:0]
		}
	}
}
