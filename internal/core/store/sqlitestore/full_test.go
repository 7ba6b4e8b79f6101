package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// pragma runs a pragma on the writer's connection.
func pragma(t *testing.T, s *Store, text string) {
	t.Helper()
	err := s.writer.do(t.Context(), 0, func(*transaction) error {
		_, err := s.writer.conn.ExecContext(context.Background(), "PRAGMA "+text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func write(id string, seq int64, size int) store.Write {
	w := store.Write{ID: id, Entry: store.Entry{Seq: seq, Data: make([]byte, size)}}
	if seq == 1 {
		w.Row = &store.Row{ID: id, Function: "f", Name: id, Status: protocol.ExecutionRunning}
	}
	return w
}

func TestFullDisk(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Commit(ctx, write("x", 1, 100)); err != nil {
		t.Fatal(err)
	}
	pragma(t, s, "max_page_count = 100")

	last := int64(1)
	for ; err == nil; last++ {
		err = s.Commit(ctx, write("x", last+1, 10_000))
	}
	last-- // the one that failed
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("got %v, want %v", err, store.ErrFull)
	}
	wantEntries(t, s, "x", last)
	if err := s.Commit(ctx, write("x", last+1, 10_000), write("y", 1, 10)); !errors.Is(err, store.ErrFull) {
		t.Errorf("several writes: got %v, want %v", err, store.ErrFull)
	}
	wantEntries(t, s, "y", 0)

	pragma(t, s, "max_page_count = 100000")
	if err := s.Commit(ctx, write("x", last+1, 10_000), write("y", 1, 10)); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	wantEntries(t, s, "x", last+1)
	wantEntries(t, s, "y", 1)
}

// A write that does not fit costs the others in its group nothing.
func TestOneOfAGroupDoesNotFit(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pragma(t, s, "max_page_count = 100")
	release := hold(t, s)
	var group sync.WaitGroup
	for i := range 20 {
		id, size, want := fmt.Sprint(i), 100, error(nil)
		if i == 10 {
			size, want = 1_000_000, store.ErrFull
		}
		group.Go(func() {
			if err := s.Commit(ctx, write(id, 1, size)); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", id, err, want)
			}
		})
	}
	for queued(s) < 20 { // until all have queued behind the holder
		s.Row(ctx, "x")
	}
	release()
	group.Wait()
	for i := range 20 {
		want := int64(1)
		if i == 10 {
			want = 0
		}
		wantEntries(t, s, fmt.Sprint(i), want)
	}
}

// hold keeps the writer busy until release is called.
func hold(t *testing.T, s *Store) (release func()) {
	held, free := make(chan struct{}), make(chan struct{})
	go s.writer.do(t.Context(), 0, func(*transaction) error {
		close(held)
		<-free
		return nil
	})
	<-held
	return func() { close(free) }
}

// queued is how many jobs wait for the one that is being written.
func queued(s *Store) int {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return len(s.writer.queue)
}

// A commit whose context ends while it waits in the queue does nothing.
func TestCanceledInQueue(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() { failed <- s.Commit(ctx, write("x", 1, 1)) }()
	for queued(s) < 1 {
		s.Row(t.Context(), "x")
	}
	cancel()
	release()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	wantEntries(t, s, "x", 0)
}

// The log is copied into the database and begun anew, however much is written.
func TestLogStaysShort(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for seq := range int64(200) {
		if err := s.Commit(t.Context(), write("x", seq+1, 500_000)); err != nil {
			t.Fatal(err)
		}
	}
	if got := fileSize(t, s.writer.path+"-wal"); got > 2*checkpointPages*pageSize {
		t.Errorf("after 100 MB the log has %d MB", got>>20)
	}
}

// Commits write over zeros that the log has already, so that few of them make the file longer: that takes another
// write of the file system.
func TestLogIsLongerThanItsContent(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	grown, before := 0, int64(0)
	for seq := range int64(100) {
		if err := s.Commit(t.Context(), write("x", seq+1, 100)); err != nil {
			t.Fatal(err)
		}
		if size := fileSize(t, s.writer.path+"-wal"); size != before {
			grown, before = grown+1, size
		}
	}
	if grown > 10 {
		t.Errorf("100 small commits made the log longer %d times, want 10 at most", grown)
	}
}

func wantEntries(t *testing.T, s *Store, id string, want int64) {
	t.Helper()
	got := int64(0)
	for _, err := range s.Journal(t.Context(), id, store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		got++
	}
	if got != want {
		t.Errorf("%s: got %d entries, want %d", id, got, want)
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
