package seeded

import (
	"context"
	"testing"

	"github.com/perdure/perdure/durabletest"
	"github.com/perdure/perdure/test/seeded/testdata/workflows"
)

// world has effects happen in an execution under test.
type world struct{ x *durabletest.Execution }

// Do implements [workflows.Services].
func (w world) Do(_ context.Context, what, key string) error {
	w.x.Effect(what, key)
	return nil
}

// DoOnce implements [workflows.Services].
func (w world) DoOnce(_ context.Context, what, key, idempotencyKey string) error {
	w.x.EffectOnce(what, key, idempotencyKey)
	return nil
}

// nowhere is where nothing happens.
type nowhere struct{}

// Do implements [workflows.Services].
func (nowhere) Do(context.Context, string, string) error { return nil }

// DoOnce implements [workflows.Services].
func (nowhere) DoOnce(context.Context, string, string, string) error { return nil }

// of returns what Explore and Replay need of a seed.
func of(s workflows.Seed) (event any, act func(*testing.T, *durabletest.Execution)) {
	event = s.Event
	if event == nil {
		event = "A-1"
	}
	return event, func(t *testing.T, x *durabletest.Execution) {
		workflows.Use(world{x})
		if s.Act != nil {
			s.Act(t, x)
		}
	}
}

func explore(t *testing.T, s workflows.Seed, bug bool) {
	event, act := of(s)
	handler, next := s.Right, workflows.Workflow(nil)
	switch {
	case s.Deploy && bug:
		next = s.Bug
	case s.Deploy:
		next = s.Right
	case bug:
		handler = s.Bug
	}
	handler.Explore(t, next, event, act, append(s.Options, durabletest.Runs(100))...)
}

// replay records a run, and replays it with the same code, or with what a deploy makes of it.
func replay(t *testing.T, s workflows.Seed, bug bool) {
	event, act := of(s)
	before, after := s.Right, s.Right
	if bug {
		after = s.Bug
	}
	if !s.Deploy {
		before = after
	}
	if bug && s.Unrecorded {
		return
	}
	histories := before.Record(t, event, act)
	workflows.Use(nowhere{})
	for _, h := range histories {
		after.Replay(t, h)
	}
}

func TestExploreAndReplayFindNothingInWhatIsRight(t *testing.T) {
	for name, s := range workflows.All() {
		t.Run(name, func(t *testing.T) {
			explore(t, s, false)
			replay(t, s, false)
		})
	}
}

func TestExploreFindsBugs(t *testing.T) {
	for name, s := range workflows.All() {
		finds(t, name, func(t *testing.T) { explore(t, s, true) }, s.Explore)
	}
}

func TestReplayFindsBugs(t *testing.T) {
	for name, s := range workflows.All() {
		finds(t, name, func(t *testing.T) { replay(t, s, true) }, s.Replay)
	}
}

// TestEachBugIsFound: those that no tool finds are not in workflows, but in docs/seeded-bugs.md.
func TestEachBugIsFound(t *testing.T) {
	for name, s := range workflows.All() {
		if s.Explore == "" && s.Replay == "" && s.Lint == "" {
			t.Errorf("%s: no tool finds it", name)
		}
	}
}
