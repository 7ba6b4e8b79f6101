package durabletest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Stubbed is what a test says in place of a step or of a function. Its answers are given in their order, one for each
// call, and the last one to all further calls. The test fails in the end unless each answer was given: a stub that was
// never called is a name that was mistyped, or code that did not do what was tested.
//
//	x.StubStep("charge").Fails(errBusy).Times(2).Returns(Receipt{ID: "r-1"}).After(time.Second)
//
// All methods but Called belong to the goroutine of the function that acts, and are for before the first call. A method
// returns its receiver.
type Stubbed struct {
	x        *Execution
	name     string
	what     string // as in messages
	check    func(*answer) error
	optional bool

	mu      sync.Mutex // guards what follows
	answers []*answer
	called  int
}

// answer is what a stub does in a call.
type answer struct {
	does  does
	value any // the result, the error, the panic, or the function
	delay time.Duration
	times int // how many calls it answers
	given int // how many it has answered
}

// does is a kind of answer.
type does string

const (
	toReturn does = "returns"
	toFail   does = "fails"
	toPanic  does = "panics"
	toKill   does = "kills"
	toCall   does = "calls"
	toRun    does = "runs"
)

// Returns answers with a result. That of a step has to be of the type of the step's result. That of a function, which
// nobody sees, is sent as JSON.
func (s *Stubbed) Returns(result any) *Stubbed {
	s.x.t.Helper()
	return s.add(toReturn, result)
}

// Fails answers with an error. It reaches the code as the same error of the real step or function would. A
// [*durable.RecordedError] is one with a type of your choice, which need not be a Go type.
func (s *Stubbed) Fails(err error) *Stubbed {
	s.x.t.Helper()
	if err == nil {
		s.x.fatalf("the stub of %s fails with a nil error, which is none", s.what)
	}
	return s.add(toFail, err)
}

// Panics answers with a panic.
func (s *Stubbed) Panics(value any) *Stubbed {
	s.x.t.Helper()
	return s.add(toPanic, value)
}

// Kills kills the process: of a step that of the function it is a step of, so that its result is never recorded; of
// a function that function's own. If it is the last answer of a step, later attempts run the step's own function, so
// that a function is not killed for ever.
func (s *Stubbed) Kills() *Stubbed {
	s.x.t.Helper()
	return s.add(toKill, nil)
}

// Calls answers with what fn returns. For a step, fn is of the type of the step's own function. For a function it is
// one that lambda.Start would take, such as func(context.Context, In) (Out, error).
func (s *Stubbed) Calls(fn any) *Stubbed {
	s.x.t.Helper()
	return s.add(toCall, fn)
}

// Runs lets the step's own function run: Fails(err).Runs() is a step that fails once. A function has none.
func (s *Stubbed) Runs() *Stubbed {
	s.x.t.Helper()
	return s.add(toRun, nil)
}

// After makes the last answer take a virtual time, or until the attempt is given up.
func (s *Stubbed) After(d time.Duration) *Stubbed {
	s.x.t.Helper()
	s.last("After").delay = d
	return s
}

// Times gives the last answer n times, from 1, before the next one.
func (s *Stubbed) Times(n int) *Stubbed {
	s.x.t.Helper()
	a := s.last("Times")
	if n < 1 {
		s.x.fatalf("the stub of %s cannot answer %d times", s.what, n)
	}
	a.times = n
	return s
}

// Optional says that the stub need not be called.
func (s *Stubbed) Optional() *Stubbed {
	s.optional = true
	return s
}

// Called is how many calls came so far.
func (s *Stubbed) Called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.called
}

func (s *Stubbed) add(d does, value any) *Stubbed {
	s.x.t.Helper()
	a := &answer{does: d, value: value, times: 1}
	if s.check != nil {
		if err := s.check(a); err != nil {
			s.x.fatalf("%v", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a)
	return s
}

// last is the answer that a method changes.
func (s *Stubbed) last(method string) *answer {
	s.x.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) == 0 {
		s.x.fatalf("%s of the stub of %s comes behind an answer, such as Returns", method, s.what)
	}
	return s.answers[len(s.answers)-1]
}

// empty says that there is no answer, if so.
func (s *Stubbed) empty() (mistake string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) > 0 {
		return ""
	}
	return fmt.Sprintf("the stub of %s has no answer; add one, such as Returns", s.what)
}

// next is the answer to a call, which it counts.
func (s *Stubbed) next() answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.called++
	for _, a := range s.answers {
		if a.given < a.times {
			a.given++
			return *a
		}
	}
	last := *s.answers[len(s.answers)-1]
	if last.does == toKill && s.check == nil {
		return answer{does: toRun}
	}
	return last
}

// wait spends the answer's time.
func (a *answer) wait(ctx context.Context) error {
	if a.delay <= 0 {
		return nil
	}
	timer := time.NewTimer(a.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// missed says which answer was not given, if that is a mistake.
func (s *Stubbed) missed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	planned, given := 0, 0
	for _, a := range s.answers {
		planned, given = planned+a.times, given+a.given
	}
	switch {
	case s.optional || s.called > 0 && given == planned:
		return ""
	case s.called == 0:
		return fmt.Sprintf("the stub of %s was never called; if that is right, add Optional()", s.what)
	}
	return fmt.Sprintf("the stub of %s has answers for %d calls, and was called %d times; if that is right, add "+
		"Optional()", s.what, planned, s.called)
}

// stubs are those of an execution.
type stubs struct {
	mu        sync.Mutex
	all       []*Stubbed
	steps     map[string]*Stubbed // by name
	functions map[string]string   // as code calls them -> as the engine knows them
	versions  int                 // that stand for aliases
}

// check fails the test for stubs that were not called. It says so once. What a fault leaves out is no mistake.
func (s *stubs) check(x *Execution) {
	x.t.Helper()
	if x.stage.disturbed() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stub := range s.all {
		if missed := stub.missed(); missed != "" {
			x.errorf("%s", missed)
		}
	}
	s.all = nil
}

// failures counts the failures in a row of the invocations of executions.
type failures struct {
	mu  sync.Mutex
	row map[string]int // ARN -> failures
}

// count takes the end of an invocation in.
func (f *failures) count(arn string, err error) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.row == nil {
		f.row = map[string]int{}
	}
	f.row[arn]++
	if err == nil {
		delete(f.row, arn)
	}
	return f.row[arn]
}
