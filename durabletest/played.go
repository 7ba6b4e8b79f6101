package durabletest

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/protocol"
)

// played is a run that is over.
type played struct {
	*outcome  // nil if the run did not come to the execution's end
	schedule  schedule
	unreached schedule // where it did not come by
	script    []scene
	effects   map[effect]int
	merged    bool
	written   []written
	cut       map[int]bool
	answers   map[int]protocol.InvocationStatus
	blames    []string
	hung      string // the stacks of a run that did not end
	run       int    // its number
	repeated  int    // how often it was made again
	repeats   int    // and failed again
}

// play makes one run, in a bubble of its own.
func (e *exploration) play(s schedule) *played {
	p := &played{schedule: s}
	var x *Execution
	var left atomic.Bool // goroutines were
	ended := make(chan any, 1)
	before := runtime.NumGoroutine()
	var started atomic.Pointer[Execution]
	go func() {
		defer func() {
			r := recover()
			ended <- r
		}()
		synctest.Test(e.t, func(t *testing.T) {
			x := e.newRun(s)
			started.Store(x)
			p.outcome = e.perform(t, x)
			if synctest.Wait(); runtime.NumGoroutine() > before+ownGoroutines {
				left.Store(x.leftBehind())
			}
			if t.Failed() {
				x.stage.blame("the function that acts failed the test")
			}
		})
	}()
	crash, hung := await(ended, &left)
	x = started.Load()
	if x == nil {
		e.t.Fatalf("durabletest: the run did not begin: %v", crash)
	}
	p.take(x)
	switch {
	case hung:
		p.hung = stacks("synctest bubble")
		p.blames = append(p.blames, fmt.Sprintf("the run did not end in %v of real time: something in the handler, a "+
			"step or the function that acts runs on, or waits for what is outside of the bubble of virtual time, such "+
			"as a network, a mutex, or a channel made outside", maxIdle))
	case crash != nil && len(p.blames) == 0:
		p.blames = append(p.blames, fmt.Sprint(crash))
	}
	return p
}

// ownGoroutines are those that a run itself has: this package's and two of package synctest.
const ownGoroutines = 3

// await waits for the end of a run, but not for ever: less long for one of which it is known that it will not end.
func await(ended <-chan any, left *atomic.Bool) (crash any, hung bool) {
	const glance = 100 * time.Millisecond
	for waited := time.Duration(0); waited < maxIdle; waited += glance {
		select {
		case crash = <-ended:
			return crash, false
		case <-time.After(glance):
			if left.Load() && waited > 2*glance {
				return nil, true
			}
		}
	}
	return nil, true
}

// newRun sets the stage.
func (e *exploration) newRun(s schedule) *Execution {
	x := newExecution(e.t, e.event)
	x.stage.exploring, x.stage.faults = true, slices.Clone(s)
	x.logs.copy, x.logs.heard = nil, x.stage.logged
	own := map[uint64]bool{} // a run that comes back to where it was goes on
	x.isNew = func(fingerprint uint64) bool {
		if e.seen[fingerprint] && !own[fingerprint] {
			return false
		}
		e.seen[fingerprint], own[fingerprint] = true, true
		return true
	}
	e.prepare(x)
	return x
}

// perform runs the execution to its end. The function that acts may leave its goroutine, as t.Fatal does.
func (e *exploration) perform(t *testing.T, x *Execution) (o *outcome) {
	x.open(t)
	defer x.close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				x.stage.blame("the function that acts panicked: %v\n%s", r, debug.Stack())
			}
		}()
		x.actor = goroutine()
		x.stage.aside(func() { e.act(t, x) })
		o = x.finish()
	}()
	<-done
	if o == nil && x.arn != "" {
		invoker{x}.giveUp(x.arn)
		synctest.Wait()
	}
	return o
}

// leftBehind reports whether goroutines of the handler are left in the bubble, which should have ended.
func (x *Execution) leftBehind() bool {
	me, all := bubble()
	var others []string
	for g := range strings.SplitSeq(all, "\n\n") {
		ours := strings.HasPrefix(g, fmt.Sprintf("goroutine %d ", goroutine())) ||
			strings.Contains(g, "\ntesting/synctest.")
		if strings.Contains(g, me) && !ours {
			others = append(others, g)
		}
	}
	if len(others) > 0 {
		if theirs := slices.DeleteFunc(slices.Clone(others), isOurs); len(theirs) > 0 {
			others = theirs
		}
		x.stage.blame("goroutines are left when the execution has ended; on Lambda they would be frozen, and go on in "+
			"another invocation or never:\n%s", strings.Join(others, "\n\n"))
	}
	return len(others) > 0
}

// ours matches the frames of the kit, the SDK, the engine and the standard library that are on the stacks of goroutines
// which wait for a handler.
var ours = regexp.MustCompile(`^(github\.com/perdure/perdure/(durable|durabletest|engine|internal)\b[^_]` +
	`|(runtime|sync|context|time|testing|internal)\b)`)

// isOurs reports whether a goroutine's stack has no code of the handler.
func isOurs(stack string) bool {
	for line := range strings.Lines(stack) {
		frame := !strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "goroutine ") &&
			!strings.HasPrefix(line, "created by ") && line != "\n"
		if frame && !ours.MatchString(line) {
			return false
		}
	}
	return true
}

// bubble is the name of the calling goroutine's bubble in the stacks of all.
func bubble() (name, all string) {
	text := stacks("")
	head, _, _ := strings.Cut(text, "\n")
	if i := strings.Index(head, "synctest bubble "); i >= 0 {
		name, _, _ = strings.Cut(head[i:], "]")
	}
	return name, text
}

// stacks are the stacks of all goroutines, or of those with a word in them.
func stacks(with string) string {
	buf := make([]byte, 1<<16)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || n >= 16<<20 {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	if with == "" {
		return string(buf)
	}
	var kept [][]byte
	for g := range bytes.SplitSeq(buf, []byte("\n\n")) {
		if bytes.Contains(g, []byte(with)) {
			kept = append(kept, g)
		}
	}
	return string(bytes.Join(kept, []byte("\n\n")))
}

// take copies what the stage saw. The run may still be on it, if it hangs.
func (p *played) take(x *Execution) {
	s := x.stage
	s.mu.Lock()
	defer s.mu.Unlock()
	p.script, p.effects = slices.Clone(s.script), maps.Clone(s.effects)
	p.written, p.cut, p.answers = slices.Clone(s.written), maps.Clone(s.cut), maps.Clone(s.answers)
	p.unreached, p.blames, p.merged = slices.Clone(s.faults), slices.Clone(s.blames), x.merged.Load()
}

// shape is what the handler itself did: in branches it may depend on which of them was first.
func (p *played) shape() string {
	var lines []string
	for _, op := range p.history.Operations() {
		if op.ParentID == "" && !strings.Contains(op.ID, "-") {
			lines = append(lines, fmt.Sprintf("%s %s %s", operationName(op.ID, op.Name), op.Type, op.SubType))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
