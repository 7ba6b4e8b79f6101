package durabletest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/protocol"
)

// stage is where one execution is played: it knows what happened so far, makes faults strike at their places, and sees
// what must not happen.
type stage struct {
	flight    *flight
	exploring bool // keep a script, and judge

	mu        sync.Mutex
	began     time.Time
	faults    schedule      // yet to strike
	struck    int           // how many did
	struckNow bool          // one did in the invocation under way
	paused    bool          // and it was one that makes the service end it
	visits    map[place]int // how often the run came to a place
	script    []scene
	inside    bool                // an invocation is under way
	ended     int                 // invocations that have ended
	dead      bool                // the process of the invocation under way was killed, or its time is over
	newer     bool                // the next version of the handler runs
	bodies    map[attempt]int     // how often a body began
	ran       map[attempt]int     // bodies that did begin, and were not cut off at once
	closed    map[string]bool     // steps whose end is recorded
	retried   map[string]int      // step -> attempts whose failure is recorded
	parents   map[string]bool     // contexts with operations
	effects   map[effect]int      // how often each happened
	asked     map[effect]string   // services and the idempotency keys that they saw -> the effect's key
	foreign   map[uint64]struct{} // goroutines that are not the function's: stubs, and who acts
	blames    []string            // what must not happen, and did
	written   []written           // log lines
	cut       map[int]bool        // invocations that did not end well
	answers   map[int]protocol.InvocationStatus
	errands   sync.WaitGroup      // what was put off
	outside   map[place]time.Time // when something outside of the function was, or will be
	acted     int                 // calls by who acts
}

// scene is one thing that happened.
type scene struct {
	at     time.Duration // since the start
	sort   sort
	place  place // empty if nothing can strike there
	size   int   // operations at the place, for faults that want to know
	text   string
	struck what
}

type attempt struct {
	id string
	n  int
}

type effect struct{ name, key string }

func (e effect) String() string {
	return fmt.Sprintf("%s %q", inLine(e.name), protocol.Clip(e.key, maxShown))
}

// written is a log line, and the number of the invocation that wrote it.
type written struct {
	invocation int
	text       string
	kindOfLine
}

// kindOfLine is what is the same in every run.
type kindOfLine struct {
	message string
	context string // the id of the operation that it belongs to, if that is not the execution
	inBody  bool   // of a step
}

func newStage(f *flight) *stage {
	return &stage{
		flight: f,
		visits: map[place]int{}, bodies: map[attempt]int{}, closed: map[string]bool{},
		retried: map[string]int{}, parents: map[string]bool{},
		effects: map[effect]int{}, asked: map[effect]string{}, foreign: map[uint64]struct{}{}, cut: map[int]bool{},
		answers: map[int]protocol.InvocationStatus{}, ran: map[attempt]int{}, outside: map[place]time.Time{},
	}
}

// visit says that the run is at a place, and returns the fault that strikes there.
func (s *stage) visit(kind sort, size int, where ...place) what {
	if !s.exploring {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.visitLocked(kind, size, where...)
}

// visitLocked is visit. Several places are one moment with several names, of which the last is the one to print.
func (s *stage) visitLocked(kind sort, size int, where ...place) what {
	var here place
	hit := -1
	for _, p := range where {
		s.visits[p]++
		if here = p; s.visits[p] > 1 {
			here = place(fmt.Sprintf("%s #%d", p, s.visits[p]))
		}
		if hit < 0 {
			hit = slices.IndexFunc(s.faults, func(f fault) bool { return f.place == here && kind.suffers(f.what) })
		}
	}
	now := scene{at: time.Since(s.began), sort: kind, place: here, size: size}
	if hit >= 0 {
		now.struck, now.place = s.faults[hit].what, s.faults[hit].place
		s.faults = slices.Delete(s.faults, hit, hit+1)
		s.struck++
		s.struckNow, s.paused = true, s.paused || now.struck == pause
	}
	s.script = append(s.script, now)
	return now.struck
}

func (s *stage) noteLocked(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`)
	s.script = append(s.script, scene{at: time.Since(s.began), text: protocol.Clip(text, maxShown)})
}

// blame says that something happened that must not.
func (s *stage) blame(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blameLocked(format, args...)
}

func (s *stage) blameLocked(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.blames = append(s.blames, text)
	line, _, _ := strings.Cut(text, "\n")
	s.noteLocked("WRONG: %s", line)
}

// enter begins an invocation.
func (s *stage) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inside && s.exploring {
		s.blameLocked("an invocation began while another of the execution was under way")
	}
	s.dead, s.struckNow, s.paused, s.inside = false, false, false, true
}

// leave ends it. Nothing but a fault makes an invocation fail, unless the test has limited its time. goOn says that
// there is no other verdict on it.
func (s *stage) leave(err error, goOn, unlimited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead, s.inside = true, false
	s.ended++
	s.cut[s.ended] = err != nil || s.paused
	explained := !goOn || s.struckNow || len(s.blames) > 0 || errors.Is(err, inprocess.ErrCrashed)
	switch {
	case err == nil || explained || !s.exploring:
	case !errors.Is(err, context.DeadlineExceeded):
		s.blameLocked("invocation %d failed, though no fault made it: %v", s.ended, err)
	case unlimited:
		s.blameLocked("invocation %d came to the end of its time: something was not woken, or waits for what does not "+
			"come", s.ended)
	}
}

// answer takes note of what the function answered.
func (s *stage) answer(invocation int, status protocol.InvocationStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[invocation] = status
}

// logged takes note of a line.
func (s *stage) logged(l LogLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteLocked("log %v", l)
	if _, replayed := l.Attrs["replay"]; replayed || l.own {
		return // not meant to be written once
	}
	_, inBody := l.Attrs["attempt"]
	kind := kindOfLine{l.Level.String() + " " + l.Message, l.Attrs["operationId"], inBody}
	s.written = append(s.written, written{s.ended + 1, l.String(), kind})
}

// act takes note of a call by who acts.
func (s *stage) act() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acted++
	s.outside["act"] = time.Now()
}

// die says that nothing more happens in the invocation under way.
func (s *stage) die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}

// beginBody judges the begin of a step's body.
func (s *stage) beginBody(id, name string, n int, once bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := operationName(id, name)
	a := attempt{id, n}
	s.bodies[a]++
	switch {
	case s.closed[id]:
		s.blameLocked("the body of step %s ran again, though its end is recorded", step)
	case n <= s.retried[id]:
		s.blameLocked("attempt %d of step %s ran again, though its failure is recorded", n, step)
	case once && s.bodies[a] > 1:
		s.blameLocked("attempt %d of step %s, which is to run at most once, ran again", n, step)
	}
}

// ranBody counts a body that no fault cut off at its begin.
func (s *stage) ranBody(id string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran[attempt{id, n}]++
}

// recorded takes note of what the service has recorded.
func (s *stage) recorded(updates []protocol.Update) {
	if !s.exploring {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range updates {
		u := &updates[i]
		s.parents[u.ParentID] = true
		switch {
		case u.Type != protocol.TypeStep:
		case u.Action == protocol.ActionSucceed, u.Action == protocol.ActionFail:
			s.closed[u.ID] = true
		case u.Action == protocol.ActionRetry:
			s.retried[u.ID]++
		}
	}
}

// isParent reports whether operations in a context are recorded, or are about to be.
func (s *stage) isParent(id string, updates []protocol.Update) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parents[id] || slices.ContainsFunc(updates, func(u protocol.Update) bool { return u.ParentID == id })
}

// effect counts a side effect, but not twice with one idempotency key, if that is given. It does not return if the
// process is dead, or dies then.
func (s *stage) effect(e effect, idempotencyKey string) {
	foreign := s.isForeign()
	happened, dead := s.happens(e, idempotencyKey, foreign)
	switch {
	case dead:
		runtime.Goexit()
	case happened && !foreign: // a kill before it is one after what came before it
		s.perhapsDie(s.visit(effectHappens, 0, place("after effect "+e.String())))
	}
}

// happens makes an effect happen, unless its process is dead.
func (s *stage) happens(e effect, idempotencyKey string, foreign bool) (happened, dead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := effect{e.name, idempotencyKey}
	before, repeated := s.asked[asked]
	switch {
	case s.dead && !foreign:
		return false, true
	case idempotencyKey != "" && repeated:
		if before != e.key && s.exploring {
			first := effect{e.name, before}
			s.blameLocked("effect %v has the idempotency key of effect %v, so it did not happen", e, first)
		}
		return false, false
	}
	s.asked[asked] = e.key
	if s.effects[e]++; s.exploring {
		s.noteLocked("effect %v", e)
	}
	return true, false
}

// perhapsDie kills the function, and the calling goroutine with it, if a fault struck.
func (s *stage) perhapsDie(w what) {
	if w != "" {
		s.kill(w)
		runtime.Goexit()
	}
}

// kill kills the process of the invocation under way, and reports whether there was one.
func (s *stage) kill(w what) bool {
	s.mu.Lock()
	s.dead = true
	s.newer = s.newer || w == deploy
	s.mu.Unlock()
	return s.flight.crash()
}

func (s *stage) gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// disturbed reports whether a fault has struck.
func (s *stage) disturbed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.struck > 0
}

// settled reports whether all faults have struck, so that what follows depends on the state only.
func (s *stage) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.struck > 0 && len(s.faults) == 0
}

// aside runs what is not done by the function's process.
func (s *stage) aside(run func()) {
	me := goroutine()
	s.mu.Lock()
	s.foreign[me] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.foreign, me)
	}()
	run()
}

// isElsewhere notes that the calling goroutine is another process's for good.
func (s *stage) isElsewhere() {
	me := goroutine()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foreign[me] = struct{}{}
}

func (s *stage) isForeign() bool {
	me := goroutine()
	s.mu.Lock()
	defer s.mu.Unlock()
	_, is := s.foreign[me]
	return is
}

// goroutine is the number of the calling one.
func goroutine() uint64 {
	var buf [64]byte
	text := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(text, []byte(" "))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("durabletest: a goroutine without a number: %q", buf))
	}
	return n
}

// operationName is how an operation is called in places and messages.
func operationName(id, name string) string {
	if name == "" {
		return id
	}
	return id + " " + inLine(name)
}

// inLine is text as it is, or quoted if a line would not give it back.
func inLine(text string) string {
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` || strings.TrimSpace(text) != text {
		return quoted
	}
	return text
}
