package page

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What takes long is found once for all who ask, shown as it was meanwhile, and found again when it is old.
func TestSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSoon[int](10, 1)
		found := 0
		const takes = 10 * time.Second
		find := func(context.Context) (int, error) { time.Sleep(takes); found++; return found, nil }
		look := func(wantDone bool, want int) {
			t.Helper()
			ctx, leave := context.WithCancel(t.Context())
			done := await(time.After(patience), s.begin(ctx, "x", time.Second, find))
			leave() // who asked first is gone
			if got, _, _ := s.known("x"); got != want || done != wantDone {
				t.Errorf("got %d, known by then: %v; want %d, %v", got, done, want, wantDone)
			}
		}
		look(false, 0)
		time.Sleep(5 * time.Second)
		look(false, 0)
		time.Sleep(5 * time.Second)
		look(true, 1)
		time.Sleep(restFactor*takes - time.Second) // what took long is good for long
		look(true, 1)
		time.Sleep(time.Second)
		look(false, 1)
		time.Sleep(takes)
		look(true, 2)
	})
}

// What is kept has a bound, and what is under way stays; one too many is not begun.
func TestSoonIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSoon[string](2, 2)
		begin := func(key string, takes time.Duration) {
			s.begin(t.Context(), key, time.Hour, func(context.Context) (string, error) {
				time.Sleep(takes)
				return key, errors.New("of " + key)
			})
		}
		begin("slow", time.Minute)
		for i := range 100 {
			begin(fmt.Sprint(i), 0)
			synctest.Wait()
		}
		if _, _, ok := s.known("98"); ok || len(s.all) != 2 || len(s.keys) != 2 {
			t.Errorf("%d are kept, want 2", len(s.all))
		}
		begin("slower", time.Minute)
		begin("refused", 0)
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, _, ok := s.known("refused"); ok {
			t.Error("one too many was begun")
		}
		if got, err, ok := s.known("slow"); got != "slow" || err == nil || !ok {
			t.Errorf("got %q, %v, %v of what was under way", got, err, ok)
		}
	})
}
