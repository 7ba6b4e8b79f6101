package sqlitestore

import (
	"context"
	"testing"
	"time"
)

// A writer that panics does not leave the others waiting for a turn that nobody gives.
func TestWriterSurvivesPanic(t *testing.T) {
	s, err := Open(context.Background(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	func() {
		defer func() {
			if recover() == nil { // as an HTTP server does
				t.Error("the panic is lost")
			}
		}()
		s.writer.do(context.Background(), 1, func(*transaction) error { panic("a bug") })
	}()
	done := make(chan error, 1)
	go func() { done <- s.writer.do(context.Background(), 1, func(*transaction) error { return nil }) }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the next writer got %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the next writer waits for ever")
	}
}
