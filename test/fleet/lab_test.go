package fleet

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/test/survival/survivaltest"
)

var seed = flag.Uint64("seed", 0, "of the faults; 0 takes one by the clock")

// chance returns the random numbers of a test, and has a failure say its seed.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("-run '^%s$' -seed %d", strings.ReplaceAll(t.Name(), "/", "$/^"), s)
		}
	})
	return rand.New(rand.NewPCG(s, 0))
}

// timeline is what was done to the fleet, for whoever looks into a failure.
type timeline struct {
	began time.Time
	mu    sync.Mutex
	lines []string
}

func newTimeline(t *testing.T) *timeline {
	l := &timeline{began: time.Now()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the faults, from %s on:\n%s", l.began.Format("15:04:05.000"), l)
		}
	})
	return l
}

func (l *timeline) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("  %8.3f  ", time.Since(l.began).Seconds())+fmt.Sprintf(format, args...))
}

func (l *timeline) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

var kept sync.Map // of *testing.T: string

// keptDir is the directory of a test's logs. It stays if the test fails, which says where it is.
func keptDir(t *testing.T) string {
	t.Helper()
	if dir, ok := kept.Load(t); ok {
		return dir.(string)
	}
	dir, err := os.MkdirTemp("", "fleet-")
	if err != nil {
		t.Fatal(err)
	}
	kept.Store(t, dir)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the nodes said is in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return dir
}

// nameOf is the database in an address.
func nameOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// cpu is the processor time that a node has used.
func cpu(t *testing.T, s *survivaltest.Server) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / 100 // of Linux's ticks
}
