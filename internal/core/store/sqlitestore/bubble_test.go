package sqlitestore

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// What a store in a bubble leaves behind in the process is usable out of it.
func TestStoresInAndOutOfBubbles(t *testing.T) {
	crowd := func(t *testing.T) {
		s, err := Open(t.Context(), t.TempDir(), &Options{Durability: None})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var writers sync.WaitGroup
		for i := range 8 {
			writers.Go(func() {
				for seq := int64(1); seq <= 20; seq++ {
					if err := s.Commit(t.Context(), write(string(rune('a'+i)), seq, 100)); err != nil {
						t.Error(err)
					}
					runtime.Gosched()
				}
			})
		}
		writers.Wait()
	}
	for range 3 {
		synctest.Test(t, crowd)
		crowd(t)
	}
}
