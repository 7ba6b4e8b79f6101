package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
)

// elsewhere keeps values elsewhere, under the operation's own key.
type elsewhere struct {
	values map[string][]byte
}

func (s *elsewhere) Marshal(ctx context.Context, v any) ([]byte, error) {
	key := durable.IdempotencyKey(ctx)
	data, err := durable.JSON.Marshal(ctx, v)
	s.values[key] = data
	return []byte(key), err
}

func (s *elsewhere) Unmarshal(ctx context.Context, data []byte, v any) error {
	return durable.JSON.Unmarshal(ctx, s.values[string(data)], v)
}

func TestSerdes(t *testing.T) {
	large := strings.Repeat("v", 2<<20) // over the service's limit
	handler := func(opts ...durable.StepOption) func(durable.Context, string) (int, error) {
		return func(ctx durable.Context, _ string) (int, error) {
			v, err := durable.Step(ctx, "large", func(context.Context) (string, error) { return large, nil }, opts...)
			if err != nil {
				return 0, err
			}
			return len(v), durable.Wait(ctx, "pause", time.Second)
		}
	}
	store := func() *elsewhere { return &elsewhere{values: make(map[string][]byte)} }
	for name, handle := range map[string]func(*service, *elsewhere) *durable.Handler{
		"of the step": func(svc *service, s *elsewhere) *durable.Handler {
			return durable.NewHandler(handler(durable.WithSerdes(s)), durable.WithClient(svc))
		},
		"of the handler": func(svc *service, s *elsewhere) *durable.Handler {
			return durable.NewHandler(handler(), durable.WithClient(svc), durable.WithSerdes(s))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc, s := newService(t, `"in"`), store()
				if out := svc.run(handle(svc, s)); out.result() != "2097152" || *svc.ops[0].Payload != testARN+"/1" {
					t.Errorf("got %s %s, recorded %.50s", out.result(), out.errorText(), *svc.ops[0].Payload)
				}
			})
		})
	}
}

// moody is JSON that refuses to read when it is told to.
type moody struct {
	refuses error
	takes   time.Duration   // to refuse
	seen    context.Context // of the last Unmarshal
}

func (m *moody) Marshal(ctx context.Context, v any) ([]byte, error) {
	return durable.JSON.Marshal(ctx, v)
}

func (m *moody) Unmarshal(ctx context.Context, data []byte, v any) error {
	if m.seen = ctx; m.refuses != nil {
		time.Sleep(m.takes)
		return m.refuses
	}
	return durable.JSON.Unmarshal(ctx, data, v)
}

// What was recorded and cannot be read is the end of the execution: neither is
// it tried for ever, nor does the code hear of a failure that was none.
func TestRecordedResultCannotBeRead(t *testing.T) {
	for what := range recorded(nil) {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc, s := newService(t, `{}`), new(moody)
				first := true
				h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
					err := recorded(s)[what](ctx)
					if !first || err != nil {
						t.Errorf("the code went on with %v", err)
					}
					return nil, durable.Wait(ctx, "w", time.Second)
				}, durable.WithClient(svc))
				if _, err := svc.invoke(h); err != nil {
					t.Fatal(err)
				}
				svc.sleep()
				first = false
				s.refuses = fmt.Errorf("busy: %w", durable.ErrUnavailable)
				if out, err := svc.invoke(h); !errors.Is(err, durable.ErrUnavailable) {
					t.Errorf("out of reach: got %s %s %v, want a fault", out.Status, out.errorText(), err)
				}
				s.refuses = errors.New("gone")
				out, err := svc.invoke(h)
				if want := "SerdesError: perdure: cannot encode or decode " + what + ": gone"; err != nil || out.errorText() != want {
					t.Errorf("got %s %s %v\nwant %s", out.Status, out.errorText(), err, want)
				}
			})
		})
	}
}

// A deadline of the code's own says nothing about a value, and differs from run
// to run.
func TestReadingOutlastsDeadlines(t *testing.T) {
	type key struct{}
	bubble(t, func(t *testing.T) {
		svc, s := newService(t, `{}`), new(moody)
		for range 2 {
			if _, err := svc.invoke(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
				expired, cancel := context.WithTimeout(context.WithValue(ctx, key{}, "v"), time.Nanosecond)
				defer cancel()
				time.Sleep(time.Second)
				inner, _ := durable.From(expired)
				if _, err := durable.Step(inner, "s", func(context.Context) (int, error) { return 1, nil }, durable.WithSerdes(s)); err != nil {
					return nil, err
				}
				return nil, durable.Wait(ctx, "w", time.Hour)
			}, durable.WithClient(svc))); err != nil {
				t.Fatal(err)
			}
		}
		if s.seen.Err() == nil || s.seen.Value(key{}) != "v" || durable.ExecutionARN(s.seen) != testARN {
			t.Errorf("the context for reading: %v, value %v", s.seen.Err(), s.seen.Value(key{}))
		}
	})
}

// What is not needed any more need not be readable.
func TestAbandonedResultCannotBeRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc, s := newService(t, `{}`), new(moody)
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			durable.Map(ctx, "m", []int{0, 1}, func(ctx durable.Context, _, i int) (int, error) {
				if i == 0 {
					return 0, durable.Wait(ctx, "short", time.Second)
				}
				durable.Step(ctx, "s", func(context.Context) (int, error) { return 1, nil }, durable.WithSerdes(s))
				return 1, durable.Wait(ctx, "long", time.Hour)
			}, durable.WithMinSuccessful(1))
			return "fine", durable.Wait(ctx, "w", time.Second)
		}, durable.WithClient(svc))
		if _, err := svc.invoke(h); err != nil {
			t.Fatal(err)
		}
		svc.sleep()
		s.refuses, s.takes = errors.New("gone"), time.Minute
		if out := svc.run(h); out.result() != `"fine"` {
			t.Errorf("got %s %s", out.Status, out.errorText())
		}
	})
}

// touchy is a value that panics when it is written, or when it is read again.
type touchy struct{ write bool }

var touched int

func (v touchy) MarshalJSON() ([]byte, error) {
	if v.write {
		panic("do not write me")
	}
	return []byte(`{}`), nil
}

func (v *touchy) UnmarshalJSON([]byte) error {
	if touched++; touched > 1 {
		panic("do not read me again")
	}
	return nil
}

// A panic on the way to or from the history is no failure of the step's: it is
// not tried again, and code does not hear of it on replay.
func TestSerdesPanics(t *testing.T) {
	step := func(v touchy) func(durable.Context) (any, error) {
		return func(ctx durable.Context) (any, error) {
			_, err := durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (any, error) {
				return 1, second(durable.Step(ctx, "s", func(context.Context) (touchy, error) { return v, nil }))
			}, durable.WithVirtual())
			return nil, errors.Join(err, durable.Wait(ctx, "w", time.Second))
		}
	}
	const what = `perdure: cannot encode or decode the result of durable.Step "s": panic: `
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		out := svc.run(handle(svc, step(touchy{write: true})))
		if svc.find("1-1").Attempt != 1 || !strings.HasSuffix(strings.TrimSpace(out.errorText()), what+"do not write me") {
			t.Errorf("got %s after %d attempts", out.errorText(), svc.find("1-1").Attempt)
		}
	})
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		touched = 0
		if out := svc.run(handle(svc, step(touchy{}))); out.errorText() != "SerdesError: "+what+"do not read me again" {
			t.Errorf("got %s", out.errorText())
		}
	})
}
