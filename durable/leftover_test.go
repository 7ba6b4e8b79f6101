package durable_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/offload"
)

// TestMain fails the tests if a goroutine of the SDK outlives them all. In
// tests on a [service] each reply is checked, too: see noGoroutineLeft.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftGoroutines(ofAnyTest); code == 0 && left != nil {
		fmt.Fprintf(os.Stderr, "goroutines of the SDK outlived the tests:\n\n%s\n", strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// noGoroutineLeft fails the test if a goroutine of the SDK outlives the reply
// of its invocation, before which there were as many as given. It has to be
// called in the bubble of the invocation.
func (s *service) noGoroutineLeft(before int) {
	s.t.Helper()
	if runtime.NumGoroutine() <= before {
		return // looking at all stacks takes a while
	}
	bubble := ownBubble()
	if bubble == "" {
		return // in examples and benchmarks others are under way that would be taken for ours
	}
	if left := leftGoroutines(bubble); left != nil {
		s.t.Errorf("goroutines outlived the reply of invocation %d:\n\n%s", s.invocations, strings.Join(left, "\n\n"))
	}
}

// ofAnyTest is any bubble, and none.
const ofAnyTest = ""

// leftGoroutines are the stacks of the SDK's goroutines of one bubble. One
// that is on its way out may take a moment: nothing waits for its last line.
func leftGoroutines(bubble string) (left []string) {
	for range 1000 {
		left = nil
		for _, stack := range stacks()[1:] { // without this one
			if sdkFrame.MatchString(stack) && (bubble == ofAnyTest || bubbleOf(stack) == bubble) {
				left = append(left, stack)
			}
		}
		if left == nil {
			return nil
		}
		runtime.Gosched()
	}
	return left
}

// sdkFrame is in the stack of every goroutine that runs code of the package
// under test, and in no other: this package's name goes on after durable.
var sdkFrame = regexp.MustCompile(`github\.com/perdure/perdure/durable(/\w+)?\.`)

var bubbleInStack = regexp.MustCompile(`^goroutine \d+ \[[^]]*synctest bubble (\d+)`)

// bubbleOf is the bubble that a stack's goroutine is in.
func bubbleOf(stack string) string {
	m := bubbleInStack.FindStringSubmatch(stack)
	if m == nil {
		return ""
	}
	return m[1]
}

// ownBubble is the bubble that this goroutine is in.
func ownBubble() string {
	var head [128]byte
	return bubbleOf(string(head[:runtime.Stack(head[:], false)]))
}

// stackText is room for the stacks of all goroutines.
var stackText = sync.Pool{New: func() any { buf := make([]byte, 1<<20); return &buf }}

// stacks are the stacks of this goroutine and of all others.
func stacks() []string {
	buf := stackText.Get().(*[]byte)
	defer stackText.Put(buf)
	return strings.Split(strings.TrimSpace(string((*buf)[:runtime.Stack(*buf, true)])), "\n\n")
}

// The check can fail: here a plain goroutine, which the SDK knows nothing of,
// stays in one of its functions.
func TestNoGoroutineLeftNotices(t *testing.T) {
	bubble(t, func(t *testing.T) {
		witness := &listener{TB: t}
		svc := newService(witness, "{}")
		store := stalled{asked: make(chan struct{}), release: make(chan struct{})}
		h := handle(svc, func(durable.Context) (int, error) {
			values := offload.Values{Store: store}
			go values.Unmarshal(t.Context(), []byte("perdure:value:1 digest 1 key"), new(int))
			<-store.asked
			return 1, nil
		})
		out := svc.run(h)
		if out.result() != "1" || len(witness.heard) != 1 || !strings.Contains(witness.heard[0], "offload.Values.Unmarshal") {
			t.Errorf("got %s and the complaints %q, want 1 and one about offload.Values.Unmarshal", out.result(), witness.heard)
		}
		close(store.release)
	})
}

// listener hears what a test would be failed with.
type listener struct {
	testing.TB
	heard []string
}

func (l *listener) Errorf(format string, args ...any) {
	l.heard = append(l.heard, fmt.Sprintf(format, args...))
}

// stalled is a store that answers once it is released.
type stalled struct{ asked, release chan struct{} }

func (s stalled) Put(context.Context, string, []byte) error { return durable.ErrUnavailable }

func (s stalled) Get(context.Context, string) ([]byte, error) {
	close(s.asked)
	<-s.release
	return nil, durable.ErrUnavailable
}
