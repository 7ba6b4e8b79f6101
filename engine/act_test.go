package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// acts are the ways to act on an execution with a token, and what undoes each
// so that a second time would be seen.
var acts = []struct {
	name string
	do   func(f *fixture, arn, callback, token string) error
	undo func(f *fixture, arn string) error
}{
	{"Stop", func(f *fixture, arn, _, token string) error {
		_, err := f.Stop(f.t.Context(), &engine.StopRequest{ARN: arn, Token: token})
		return err
	}, nil},
	{"Pause", func(f *fixture, arn, _, token string) error {
		return f.Pause(f.t.Context(), &engine.PauseRequest{ARN: arn, Token: token})
	}, func(f *fixture, arn string) error { return f.Resume(f.t.Context(), &engine.ResumeRequest{ARN: arn}) }},
	{"Skip", func(f *fixture, arn, _, token string) error {
		_, err := f.Skip(f.t.Context(), &engine.SkipRequest{ARN: arn, Token: token})
		return err
	}, nil},
	{"SucceedCallback", func(f *fixture, _, id, token string) error {
		return f.CompleteCallback(f.t.Context(), &engine.CallbackRequest{CallbackID: id, Token: token})
	}, nil},
	{"FailCallback", func(f *fixture, _, id, token string) error {
		return f.CompleteCallback(f.t.Context(), &engine.CallbackRequest{CallbackID: id, Failed: true, Token: token})
	}, nil},
	{"Fork", func(f *fixture, arn, _, token string) error {
		_, err := f.Fork(f.t.Context(), &engine.ForkRequest{ARN: arn, Token: token})
		return err
	}, nil},
}

// TestActsHappenOnce: an act is repeated with its token, after a restart, too,
// and whatever became of the execution meanwhile; it is answered as done, and
// nothing happens.
func TestActsHappenOnce(t *testing.T) {
	for _, act := range acts {
		t.Run(act.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				arn, callback := f.waiting("shop")
				if err := act.do(f, arn, callback, "token"); err != nil {
					t.Fatal(err)
				}
				if act.undo != nil {
					if err := act.undo(f, arn); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
				f.restart()
				time.Sleep(time.Second)
				want := f.picture(arn)
				if err := act.do(f, arn, callback, "token"); err != nil {
					t.Errorf("the repeat was refused: %v", err)
				}
				time.Sleep(time.Second)
				if diff := cmp.Diff(want, f.picture(arn)); diff != "" {
					t.Errorf("the repeat did something (-without +with):\n%s", diff)
				}
				if act.name == "Fork" {
					return
				}
				if err := act.do(f, arn, callback, strings.Repeat("x", 65)); err == nil {
					t.Error("a token of 65 bytes was taken")
				}
			})
		})
	}
}

// Without a token, or with another one, an act is another act.
func TestActsWithOtherTokens(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arn, _ := f.waiting("shop")
		for _, token := range []string{"a", "", "b"} {
			if err := f.Pause(t.Context(), &engine.PauseRequest{ARN: arn, Token: token}); err != nil {
				t.Fatalf("token %q: %v", token, err)
			}
			if err := f.Resume(t.Context(), &engine.ResumeRequest{ARN: arn, Token: "undo " + token}); err != nil {
				t.Fatalf("token %q: %v", token, err)
			}
		}
		forks := map[string]bool{}
		for _, token := range []string{"a", "b", "", "", "a"} {
			s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn, Token: token})
			if err != nil {
				t.Fatalf("token %q: %v", token, err)
			}
			forks[s.ARN] = true
		}
		if len(forks) != 4 {
			t.Errorf("got %d forks, want 4: %v", len(forks), forks)
		}
	})
}

// waiting starts an execution that waits for a callback and for a day.
func (f *fixture) waiting(function string) (arn, callback string) {
	f.t.Helper()
	f.durable(function, func(c *call) engine.Outcome {
		if c.op("cb").ID == "" {
			c.checkpoint(protocol.Update{ID: "cb", Type: protocol.TypeCallback, SubType: "Callback",
				Action: protocol.ActionStart})
		}
		c.wait("wait", 1800)
		return pending()
	})
	arn = f.start(function, "", "{}")
	time.Sleep(time.Second)
	x, err := f.Explain(f.t.Context(), arn)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, r := range x.Reasons {
		if r.CallbackID != "" {
			callback = r.CallbackID
		}
	}
	return arn, callback
}

// picture is what can be seen of an execution, and of all others.
func (f *fixture) picture(arn string) any {
	f.t.Helper()
	d, err := f.Describe(f.t.Context(), arn)
	if err != nil {
		f.t.Fatal(err)
	}
	all, _, err := f.List(f.t.Context(), &engine.ListRequest{})
	if err != nil {
		f.t.Fatal(err)
	}
	return []any{d, f.history(arn), all}
}
