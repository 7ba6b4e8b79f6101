package sqlitestore

import (
	"fmt"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A commit writes each page that it changes into the log, so pages are what it costs beside the flush. The row is
// that of an execution of a function that ends within its first invocation.
func TestPagesOfACommit(t *testing.T) {
	if testing.Short() {
		t.Skip("it is long, and one goroutine does all")
	}
	s, err := Open(t.Context(), t.TempDir(), &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	execution := func(n int) (start, step, end store.Write) {
		id := fmt.Sprintf("01980000-0000-7000-8000-%012d", n)
		at := protocol.Timestamp(1_790_000_000_000 + n)
		row := store.Row{ID: id, ARN: "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/x/" + id,
			Function: "f", Version: "1", Name: id, Status: protocol.ExecutionRunning, Started: at, Due: at + 1e9,
			Doing: 1, Since: at}
		ended := row
		ended.Status, ended.Closed, ended.Due = protocol.ExecutionSucceeded, at, 0
		ended.Expires, ended.Doing, ended.Since = at+1e9, 0, 0
		entry := func(seq int64) store.Entry { return store.Entry{Seq: seq, Data: make([]byte, 120)} }
		return store.Write{ID: id, Entry: entry(1), Row: &row}, store.Write{ID: id, Entry: entry(2)},
			store.Write{ID: id, Entry: entry(3), Row: &ended}
	}
	const warm, runs = 2000, 1000
	var pages [3]int
	for n := range warm + runs {
		start, step, end := execution(n)
		for i, w := range []store.Write{start, step, end} {
			if err := s.Commit(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			var written int
			err := s.writer.do(t.Context(), 0, func(*transaction) error { // whoever writes has counted what was before
				written, s.writer.pages = s.writer.pages, 0
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if n >= warm {
				pages[i] += written
			}
		}
	}
	for i, want := range []struct {
		name string
		most float64
	}{{"start", 8.5}, {"step", 2.5}, {"end", 9}} {
		got := float64(pages[i]) / runs
		if got > want.most {
			t.Errorf("a commit of the %s writes %.2f pages, want %.1f at most", want.name, got, want.most)
		}
		t.Logf("%s: %.2f pages", want.name, got)
	}
}
