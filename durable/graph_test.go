package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// A diamond: b and c come after a, and d after both.
func TestGraph(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var bodies []string
		var mu sync.Mutex
		step := func(name, v string) func(durable.Context) (string, error) {
			return func(ctx durable.Context) (string, error) {
				if err := durable.Wait(ctx, "wait", time.Second); err != nil {
					return "", err
				}
				return durable.Step(ctx, name, func(context.Context) (string, error) {
					mu.Lock()
					defer mu.Unlock()
					bodies = append(bodies, name)
					return v, nil
				})
			}
		}
		h := handle(svc, func(ctx durable.Context) (string, error) {
			g := new(durable.Graph)
			a := durable.AddTask(g, "a", step("a", "A"))
			b := durable.AddTask(g, "b", func(ctx durable.Context) (string, error) { return step("b", a.Value()+"B")(ctx) }).After(a)
			c := durable.AddTask(g, "c", func(ctx durable.Context) (int, error) {
				return len(a.Value()), durable.Wait(ctx, "w", time.Second)
			}).After(a)
			no := durable.AddTask(g, "no", step("no", "NO")).After(a).When(func() bool { return a.Value() == "?" })
			never := durable.AddTask(g, "never", step("never", "NEVER")).After(no)
			d := durable.AddTask(g, "d", func(durable.Context) (string, error) {
				return fmt.Sprint(b.Value(), c.Value(), no.Value(), no.Skipped()), nil
			}).After(b, c, no)
			if err := g.Run(ctx, "graph"); err != nil {
				return "", err
			}
			return d.Value() + fmt.Sprint(never.Skipped()), durable.Wait(ctx, "after", time.Second)
		})
		start := time.Now()
		if out := svc.run(h); out.result() != `"AB1truetrue"` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("took %v, want 3s: b and c overlap", d)
		}
		if diff := cmp.Diff([]string{"a", "b"}, bodies); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if op := svc.find("1"); op.SubType != "Dag" || !op.ReplayChildren || svc.find("1-11").Name != "d" || svc.find("1-7") != nil {
			t.Errorf("operations: %+v, %q", op, svc.shapes())
		}
	})
}

func TestGraphCompensates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var undone, seen []string
		undo := func(ctx durable.Context, v int) error {
			_, err := durable.Step(ctx, "undo", func(context.Context) (int, error) {
				undone = append(undone, fmt.Sprint(v))
				return 0, nil
			})
			if v == 2 {
				return errItem
			}
			return err
		}
		h := handle(svc, func(ctx durable.Context) (any, error) {
			g := new(durable.Graph)
			a := durable.AddTask(g, "a", after("a", time.Second, 1)).Compensate(undo)
			b := durable.AddTask(g, "b", after("b", 5*time.Second, 2)).Compensate(undo)
			durable.AddTask(g, "bad", func(durable.Context) (int, error) { return 0, &cardDeclined{Code: 3} }).After(a).Compensate(undo)
			late := durable.AddTask(g, "late", after("late", time.Second, 4)).After(b).Compensate(undo)
			err := g.Run(ctx, "graph")
			var graph *durable.GraphError
			var card *cardDeclined
			if !errors.As(err, &graph) || graph.Task != "bad" || len(graph.Uncompensated) != 1 || !errors.As(err, &card) ||
				!errors.Is(err, errItem) {
				t.Errorf("got %#v", err)
			}
			seen = append(seen, err.Error())
			if a.Value() != 0 || late.Value() != 0 || late.Skipped() {
				t.Errorf("the failed graph has values %d, %d", a.Value(), late.Value())
			}
			return nil, durable.Wait(ctx, "after", time.Second)
		}, durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined"), durable.ErrorValue("Item", errItem)))
		if out := svc.run(h); out.Status != protocol.InvocationSucceeded {
			t.Errorf("got %s", out.errorText())
		}
		if diff := cmp.Diff([]string{"2", "1"}, undone); diff != "" {
			t.Errorf("compensated (-want +got):\n%s", diff)
		}
		want := `graph "graph": task "bad" failed: child context "bad" failed: declined with 3; and could not be compensated: child context "b-compensation" failed: bad item`
		for _, got := range seen {
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		if len(seen) != 2 {
			t.Errorf("the graph failed %d times, want 2: then and on replay", len(seen))
		}
	})
}

func TestGraphMistakes(t *testing.T) {
	fine := func(durable.Context) (int, error) { return 0, nil }
	for want, build := range map[string]func(ctx durable.Context, g *durable.Graph) error{
		`perdure: Graph.Run "g": task "x": the function is nil`: func(ctx durable.Context, g *durable.Graph) error {
			durable.AddTask[int](g, "x", nil)
			return g.Run(ctx, "g")
		},
		`task "x": the condition is nil`: func(ctx durable.Context, g *durable.Graph) error {
			durable.AddTask(g, "x", fine).When(nil)
			return g.Run(ctx, "g")
		},
		`task "x": the compensation is nil`: func(ctx durable.Context, g *durable.Graph) error {
			durable.AddTask(g, "x", fine).Compensate(nil)
			return g.Run(ctx, "g")
		},
		`task "x" comes after a task that is not of this graph`: func(ctx durable.Context, g *durable.Graph) error {
			durable.AddTask(g, "x", fine).After(durable.AddTask(new(durable.Graph), "y", fine))
			return g.Run(ctx, "g")
		},
		`the tasks "x", "y" come after each other`: func(ctx durable.Context, g *durable.Graph) error {
			x := durable.AddTask(g, "x", fine)
			x.After(durable.AddTask(g, "y", fine).After(x))
			return g.Run(ctx, "g")
		},
		`the graph has run already`: func(ctx durable.Context, g *durable.Graph) error {
			return errors.Join(g.Run(ctx, "g"), g.Run(ctx, "g"))
		},
		`task "x" failed: child context "x" failed: panic: perdure: task "y" has not ended: ask for its value in tasks that come After it`: func(ctx durable.Context, g *durable.Graph) error {
			y := durable.AddTask(g, "y", after("y", time.Second, 1))
			durable.AddTask(g, "x", func(durable.Context) (int, error) { return y.Value(), nil })
			return g.Run(ctx, "g")
		},
		`task "x" failed: panic: oh`: func(ctx durable.Context, g *durable.Graph) error {
			durable.AddTask(g, "x", fine).When(func() bool { panic("oh") })
			return g.Run(ctx, "g")
		},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				out := svc.run(handle(svc, func(ctx durable.Context) (any, error) { return nil, build(ctx, new(durable.Graph)) }))
				if !strings.Contains(out.errorText(), want) {
					t.Errorf("got %q, want %q in it", out.errorText(), want)
				}
			})
		})
	}
}

func TestGraphNonDeterminism(t *testing.T) {
	run := func(name string, want bool) func(ctx durable.Context) (any, error) {
		return func(ctx durable.Context) (any, error) {
			g := new(durable.Graph)
			durable.AddTask(g, name, after("x", time.Second, 1)).When(func() bool { return want })
			if err := g.Run(ctx, "g"); err != nil {
				return nil, err
			}
			return nil, durable.Wait(ctx, "w", time.Second)
		}
	}
	for want, now := range map[string]func(durable.Context) (any, error){
		`recorded CONTEXT/DagTask "x", but the code now does CONTEXT/DagTask "y"`:                run("y", true),
		`operation 1-1: recorded CONTEXT/DagTask "x", but the code returned without reaching it`: run("x", false),
	} {
		for invocations := 1; invocations <= 2; invocations++ {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				for range invocations {
					svc.invoke(handle(svc, run("x", true)))
					svc.sleep()
				}
				if out := svc.run(handle(svc, now)); !strings.Contains(out.errorText(), want) {
					t.Errorf("after %d invocations: got %q, want %q in it", invocations, out.errorText(), want)
				}
			})
		}
	}
}

// wordy is a declared error that says as much as can be recorded of one.
type wordy struct{ Words string }

func (e *wordy) Error() string { return "wordy" }

func TestGraphErrorIsLarge(t *testing.T) {
	for name, undo := range map[string]func(durable.Context, int) error{
		"the task's":         nil,
		"the compensations'": func(durable.Context, int) error { return &wordy{strings.Repeat(`"`, 60<<10)} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
					g := new(durable.Graph)
					for i := range 20 {
						done := durable.AddTask(g, fmt.Sprint("done", i), func(durable.Context) (int, error) { return i, nil })
						if undo != nil {
							done.Compensate(undo)
						}
					}
					durable.AddTask(g, "bad", func(durable.Context) (int, error) { return 0, &wordy{strings.Repeat(`"`, 60<<10)} })
					err := g.Run(ctx, "g")
					var graph *durable.GraphError
					if !errors.As(err, &graph) || graph.Task != "bad" || (len(graph.Uncompensated) > 0) != (undo != nil) {
						t.Errorf("got %v", err)
					}
					return nil, durable.Wait(ctx, "w", time.Second)
				}, durable.WithErrors(durable.ErrorType[*wordy]("Wordy"))))
				if out.Status != protocol.InvocationSucceeded {
					t.Errorf("got %s", out.errorText())
				}
				if n := len(svc.find("1").Error.ErrorData); n > 256<<10 {
					t.Errorf("%d bytes were recorded", n)
				}
			})
		})
	}
}

// However the ends of tasks fall between the looks that are taken at them, none
// that may begin is forgotten.
func TestGraphForgetsNoTask(t *testing.T) {
	for range 200 {
		bubble(t, func(t *testing.T) {
			svc := newService(t, "{}")
			out := svc.run(handle(svc, func(ctx durable.Context) (int, error) {
				g := new(durable.Graph)
				last := durable.AddTask(g, "t", func(durable.Context) (int, error) { return 0, nil })
				for range 20 {
					before := last
					last = durable.AddTask(g, "t", func(durable.Context) (int, error) { return before.Value() + 1, nil }).After(before)
				}
				err := g.Run(ctx, "g")
				return last.Value(), err
			}))
			if out.result() != "20" {
				t.Fatalf("got %s %s", out.result(), out.errorText())
			}
		})
	}
}

// What fails and may do so is an answer for those who come after it.
func TestGraphOptional(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		out := svc.run(handle(svc, func(ctx durable.Context) (string, error) {
			g := new(durable.Graph)
			bad := durable.AddTask(g, "bad", func(ctx durable.Context) (int, error) { return 7, &cardDeclined{Code: 3} }).Optional()
			good := durable.AddTask(g, "good", after("good", time.Second, 1))
			tidy := durable.AddTask(g, "tidy", func(durable.Context) (string, error) {
				var card *cardDeclined
				return fmt.Sprint(bad.Value(), good.Value(), good.Err(), errors.As(bad.Err(), &card)), nil
			}).After(bad, good)
			if err := g.Run(ctx, "g"); err != nil {
				return "", err
			}
			return tidy.Value(), durable.Wait(ctx, "w", time.Second)
		}, durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined"))))
		if out.result() != `"0 1 <nil> true"` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
	})
}
