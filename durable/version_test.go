package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
)

// changing runs an execution whose code changes with each invocation: stages
// hold what it is in the first, the second, … the last stays.
func changing[T any](svc *service, stages ...func(durable.Context) (T, error)) *durable.Handler {
	run := -1
	return durable.NewHandler(func(ctx durable.Context, _ any) (T, error) {
		run = min(run+1, len(stages)-1)
		return stages[run](ctx)
	}, durable.WithClient(svc))
}

// versioned is code with one changed place, between two waits: latest 0 is from
// before the change.
func versioned(latest int) func(durable.Context) (string, error) {
	return func(ctx durable.Context) (string, error) {
		if err := durable.Wait(ctx, "before", time.Second); err != nil {
			return "", err
		}
		v := 0
		if latest > 0 {
			v = durable.Version(ctx, "place", latest)
		}
		path := fmt.Sprint("v", v)
		if _, err := durable.Step(ctx, path, func(context.Context) (int, error) { return 1, nil }); err != nil {
			return "", err
		}
		if err := durable.Wait(ctx, "after", time.Second); err != nil {
			return "", err
		}
		if latest > 0 && durable.Version(ctx, "place", latest) != v {
			return "", errors.New("it changed its mind")
		}
		return path, durable.Wait(ctx, "end", time.Second)
	}
}

func TestVersion(t *testing.T) {
	type code = func(durable.Context) (string, error)
	for name, test := range map[string]struct {
		stages []code
		want   string
	}{
		"new execution":                     {[]code{versioned(1)}, `"v1"`},
		"deployed before it came here":      {[]code{versioned(0), versioned(1)}, `"v1"`},
		"deployed after it came here":       {[]code{versioned(0), versioned(0), versioned(1)}, `"v0"`},
		"deployed at the end":               {[]code{versioned(0), versioned(0), versioned(0), versioned(1)}, `"v0"`},
		"changed again before it came here": {[]code{versioned(1), versioned(2)}, `"v2"`},
		"changed again after":               {[]code{versioned(1), versioned(1), versioned(2)}, `"v1"`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				if out := svc.run(changing(svc, test.stages...)); out.result() != test.want {
					t.Errorf("got %s %s, want %s", out.result(), out.errorText(), test.want)
				}
			})
		})
	}
}

// A version costs an operation, but no call and no number.
func TestVersionRecord(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.run(changing(svc, versioned(1)))
		if len(svc.calls) != 4 {
			t.Errorf("got %d checkpoints, want 4: one for each wait and the step", len(svc.calls))
		}
		var ids []string
		for _, op := range svc.ops {
			if len(op.ID) < 10 {
				ids = append(ids, op.ID+" "+op.Name)
			} else if op.Name != "place" || op.SubType != "Version" || *op.Payload != "1" || !strings.HasPrefix(op.ID, "h") {
				t.Errorf("got %+v", op)
			}
		}
		if diff := cmp.Diff([]string{"1 before", "2 v1", "3 after", "4 end"}, ids); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
	})
}

// Inside a loop and in child contexts, each context decides once.
func TestVersionInLoopsAndContexts(t *testing.T) {
	loop := func(latest int) func(durable.Context) ([]int, error) {
		return func(ctx durable.Context) (got []int, err error) {
			for i := range 3 {
				v := 0
				if latest > 0 {
					v = durable.Version(ctx, "loop", latest)
				}
				got = append(got, v)
				if err := durable.Wait(ctx, fmt.Sprint(i), time.Second); err != nil {
					return nil, err
				}
			}
			inner, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (int, error) {
				v := durable.Version(ctx, "loop", max(latest, 1))
				return v, durable.Wait(ctx, "", time.Second)
			})
			return append(got, inner), err
		}
	}
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		if out := svc.run(changing(svc, loop(0), loop(0), loop(1))); out.result() != `[0,0,0,1]` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
	})
}

func TestVersionOfNewerCode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		out := svc.run(changing(svc, versioned(3), versioned(3), versioned(2)))
		if want := `VersionError: perdure: version "place" of this execution is 3, but the code knows it up to 2 only`; !strings.HasPrefix(out.errorText(), want) {
			t.Errorf("got %q, want %q", out.errorText(), want)
		}
	})
}

func TestVersionBadInput(t *testing.T) {
	for want, call := range map[string]func(durable.Context){
		"the name is empty":             func(ctx durable.Context) { durable.Version(ctx, "", 1) },
		"latest is 0; it must be":       func(ctx durable.Context) { durable.Version(ctx, "x", 0) },
		"only printable ASCII":          func(ctx durable.Context) { durable.Version(ctx, "é", 1) },
		"ctx is not a durable context":  func(durable.Context) { durable.Version(nil, "x", 1) },
		"Now \"now\": ctx is not":       func(durable.Context) { durable.Now(nil) },
		"durable.UUID \"\": ctx is not": func(durable.Context) { durable.UUID(nil) },
		"durable.Rand \"\": ctx is not": func(durable.Context) { durable.Rand(nil) },
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) { call(ctx); return nil, nil },
					durable.WithClient(svc)))
				if !strings.Contains(out.errorText(), want) {
					t.Errorf("got %q, want %q", out.errorText(), want)
				}
			})
		})
	}
}

// The rebuilt result of a context decides as the context did.
func TestVersionInLargeChild(t *testing.T) {
	for _, had := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			svc := newService(t, `{}`)
			want := 0
			if had {
				want = 1
			}
			stage := func(ask bool) *durable.Handler {
				return largeChild(svc, 300<<10, func(ctx durable.Context) error {
					if ask {
						if v := durable.Version(ctx, "place", 1); v != want {
							t.Errorf("got version %d, want %d", v, want)
						}
					}
					return nil
				})
			}
			if _, err := svc.invoke(stage(had)); err != nil {
				t.Fatal(err)
			}
			if out := svc.run(stage(true)); out.result() != "307200" {
				t.Errorf("got %s %s", out.result(), out.errorText())
			}
		})
	}
}

// Running executions go the old way, new ones the new way.
func ExampleVersion() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		if durable.Version(ctx, "check-address", 1) >= 1 {
			if _, err := durable.Step(ctx, "check-address", func(context.Context) (bool, error) { return true, nil }); err != nil {
				return "", err
			}
		}
		return "shipped", nil
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	for _, op := range svc.ops {
		fmt.Println(op.SubType, op.Name)
	}
	// Output:
	// succeeded: "shipped"
	// Version check-address
	// Step check-address
}
