package pgstore_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/protocol"
)

// BenchmarkFootprint runs executions as an engine commits them, 64 at a time: a start that takes off, three steps of 200
// bytes, an end. It tells what a commit leaves in the write-ahead log, and an execution in tables and indexes, in bytes.
func BenchmarkFootprint(b *testing.B) {
	c := pgtest.New(b, "fsync=on", "autovacuum=off")
	s := open(b, c.Database(b))
	before := number(b, c, "SELECT pg_current_wal_insert_lsn() - '0/0'")
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var writers sync.WaitGroup
	for range 64 {
		writers.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				runExecution(b, s, n)
			}
		})
	}
	writers.Wait()
	b.StopTimer()
	const commits = 5
	wal := number(b, c, "SELECT pg_current_wal_insert_lsn() - '0/0'") - before
	b.ReportMetric(commits*float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(wal/float64(b.N)/commits, "WAL-B/commit")
	settings, err := s.Settings(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, t := range settings.Tables {
		if t.Name == "journal" || t.Name == "executions" {
			b.ReportMetric(float64(t.Size)/float64(b.N), t.Name+"-B/execution")
		}
	}
}

func runExecution(b *testing.B, s store.Store, n int64) {
	id := fmt.Sprintf("01980000-%04x-7000-8000-%012x", n>>16, n)
	row := &store.Row{ID: id, ARN: "arn:aws:lambda:us-east-1:000000000000:function:order:1/durable-execution/" + id + "/x",
		Function: "order", Version: "1", Name: id, Status: protocol.ExecutionRunning, Started: 1, Due: 5, Doing: 1, Since: 1, Owner: 1}
	for seq := int64(1); seq <= 5; seq++ {
		w := store.Write{ID: id, Entry: store.Entry{Seq: seq, Data: make([]byte, 260)}}
		switch seq {
		case 1:
			w.Row = row
		case 5:
			ended := *row
			ended.Status, ended.Closed, ended.Due, ended.Doing, ended.Since, ended.Owner = protocol.ExecutionSucceeded, 9, 0, 0, 0, 0
			ended.Expires = 1000
			w.Row = &ended
		}
		if err := s.Commit(b.Context(), w); err != nil {
			b.Error(err)
		}
	}
}

func number(b *testing.B, c *pgtest.Cluster, sql string) float64 {
	n, err := strconv.ParseFloat(c.Value(b, "postgres", sql), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
