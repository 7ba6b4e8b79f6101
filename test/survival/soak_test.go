package survival

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/test/survival/survivaltest"
)

var (
	soak     = flag.Duration("soak", 0, "how long TestSoak kills; 0 skips it")
	sleeping = flag.Int("sleeping", 10_000, "executions that sleep during TestSoak")
	running  = flag.Int("running", 1000, "executions that run at any time during TestSoak")
)

// TestSoak kills the engine every few seconds while very many executions sleep
// and many run. It is what a bad week looks like, in minutes: each order has to
// complete, once, and the database has to be sound in the end.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("-soak is not given")
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	s := newServer(t)
	s.Service = survivaltest.NewService(*running+starters, s.Addr)
	began := time.Now()
	asleep := startSleepers(t, s.Service)
	t.Logf("%d sleepers started in %v", len(asleep), time.Since(began).Round(time.Millisecond))

	var over atomic.Bool
	var orders sync.WaitGroup
	var mu sync.Mutex
	awake := map[string]int{} // ARN -> seconds waited
	for c := range *running {
		orders.Go(func() {
			for n := 0; !over.Load() && !t.Failed(); n++ {
				arn, err := s.Attend(t.Context(), fmt.Sprintf("runner-%d-%d", c, n), order)
				if err != nil {
					t.Errorf("runner %d-%d: %v", c, n, err)
				}
				mu.Lock()
				awake[arn] = 1
				mu.Unlock()
			}
		})
	}
	kills := killFor(t, s, rand.New(rand.NewPCG(*seed, 0)), *soak)
	over.Store(true)
	orders.Wait()
	for name, seconds := range asleep {
		orders.Go(func() {
			arn, err := s.Attend(t.Context(), name, survivaltest.Job{WaitSeconds: seconds})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			mu.Lock()
			awake[arn] = seconds
			mu.Unlock()
		})
	}
	orders.Wait()
	t.Logf("%d orders and %d kills in %v", len(awake), kills, time.Since(began).Round(time.Second))
	judge := s.judge()
	for arn, seconds := range awake {
		judge.Order(t, arn, survivaltest.Job{WaitSeconds: seconds})
	}
	s.Verify()
}

// starters is how many clients start sleepers at one time.
const starters = 32

// startSleepers starts the executions that sleep, and returns how many seconds
// each sleeps, by name. They wake up between the middle and the end of the
// soak, so that they are killed then, too.
func startSleepers(t *testing.T, s *survivaltest.Service) map[string]int {
	t.Helper()
	asleep := map[string]int{}
	var work sync.WaitGroup
	places := make(chan struct{}, starters)
	for n := range *sleeping {
		name := fmt.Sprintf("sleeper-%d", n)
		seconds := int(soak.Seconds()*(0.5+0.5*rand.Float64())) + 1
		asleep[name] = seconds
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			if _, err := s.Start(t.Context(), name, survivaltest.Job{WaitSeconds: seconds}); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	return asleep
}

// killFor kills the engine, and sometimes its functions, every few seconds.
func killFor(t *testing.T, s *server, chance *rand.Rand, d time.Duration) (kills int) {
	for end := time.Now().Add(d); time.Now().Before(end) && !t.Failed(); kills++ {
		time.Sleep(time.Second + time.Duration(chance.Int64N(int64(4*time.Second))))
		if chance.IntN(3) == 0 {
			s.KillFunctions()
		}
		s.Restart()
	}
	return kills
}
