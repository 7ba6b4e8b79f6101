package survival

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/test/survival/survivaltest"
)

var (
	kills = flag.Int("kills", 10, "how often to kill")
	seed  = flag.Uint64("seed", 0, "of the moments and victims; 0 takes one by the clock")
)

// clients is how many orders are under way at one time.
const clients = 12

// order is what each of them is.
var order = survivaltest.Job{WaitSeconds: 1}

// server is an engine with the victim as its function, and its client.
type server struct {
	*survivaltest.Server
	*survivaltest.Service
	t     *testing.T
	notes string
}

func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	perdure, victim := filepath.Join(dir, "perdure"), filepath.Join(dir, "victim")
	survivaltest.Build(t, "../..", perdure, "cmd/perdure")
	survivaltest.Build(t, "../..", victim, "test/survival/victim")
	s := &server{t: t, notes: filepath.Join(dir, "steps.log")}
	s.Server = survivaltest.NewServer(t, perdure, dir, append([]string{"--data", filepath.Join(dir, "data"),
		"--function", "victim=" + victim, "--env", "VICTIM_LOG=" + s.notes}, args...)...)
	s.Service = survivaltest.NewService(clients, s.Addr)
	return s
}

func (s *server) judge() *survivaltest.Judge {
	return &survivaltest.Judge{Service: s.Service, Notes: survivaltest.ReadNotes(s.t, s.notes)}
}

// TestKilledAtRandomMoments starts orders without pause while the engine, its
// functions or both are killed again and again. Afterwards every order has to
// have completed, and what the steps wrote down has to agree with the history.
func TestKilledAtRandomMoments(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of real time")
	}
	// An order alone in its process, and all of them in one, which ends with it.
	for _, n := range []string{"1", "32"} {
		t.Run(n+" in a process", func(t *testing.T) { killAtRandomMoments(t, "--per-process="+n) })
	}
}

func killAtRandomMoments(t *testing.T, args ...string) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	s := newServer(t, args...)
	var over atomic.Bool
	var mu sync.Mutex
	var arns []string
	var orders sync.WaitGroup
	for c := range clients {
		orders.Go(func() {
			for n := 0; !over.Load(); n++ {
				hold := func(context.Context, string) error { return nil }
				if n%2 == c%2 {
					hold = s.Hold
				}
				arn, err := s.Run(t.Context(), fmt.Sprintf("order-%d-%d", c, n), order, hold)
				mu.Lock()
				arns = append(arns, arn)
				mu.Unlock()
				if err != nil {
					t.Errorf("order %d-%d: %v", c, n, err)
					return
				}
			}
		})
	}
	killRepeatedly(t, s, rand.New(rand.NewPCG(*seed, 0)))
	over.Store(true)
	orders.Wait()
	t.Logf("%d orders, %d kills", len(arns), *kills)
	if len(arns) < clients {
		t.Errorf("only %d orders ran", len(arns))
	}
	judge := s.judge()
	for _, arn := range arns {
		judge.Order(t, arn, order)
	}
	t.Logf("%d pauses", judge.Pauses)
	if judge.Pauses == 0 {
		t.Error("nothing was paused")
	}
	s.Verify()
	checkDelete(t, s, arns)
}

func killRepeatedly(t *testing.T, s *server, chance *rand.Rand) {
	for range *kills {
		time.Sleep(time.Duration(20+chance.IntN(280)) * time.Millisecond)
		switch chance.IntN(4) {
		case 0:
			s.KillFunctions()
		case 1:
			s.KillFunctions()
			s.Restart()
		default:
			s.Restart()
		}
		if t.Failed() {
			return
		}
	}
}
