package durable_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
)

// offload keeps values elsewhere, under the operation's own key.
type offload struct {
	values map[string][]byte
	broken bool
}

func (s *offload) Marshal(ctx context.Context, v any) ([]byte, error) {
	key := durable.IdempotencyKey(ctx)
	data, err := durable.JSON.Marshal(ctx, v)
	s.values[key] = data
	return []byte(key), err
}

func (s *offload) Unmarshal(ctx context.Context, data []byte, v any) error {
	if s.broken {
		return errors.New("the store is gone")
	}
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
	store := func() *offload { return &offload{values: make(map[string][]byte)} }
	for name, handle := range map[string]func(*service, *offload) *durable.Handler{
		"of the step": func(svc *service, s *offload) *durable.Handler {
			return durable.NewHandler(handler(durable.WithSerdes(s)), durable.WithClient(svc))
		},
		"of the handler": func(svc *service, s *offload) *durable.Handler {
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
	t.Run("broken on replay", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			svc, s := newService(t, `"in"`), store()
			h := durable.NewHandler(handler(durable.WithSerdes(s)), durable.WithClient(svc))
			if _, err := svc.invoke(h); err != nil {
				t.Fatal(err)
			}
			s.broken = true
			_, err := svc.invoke(h)
			if want := `perdure: cannot encode or decode the result of durable.Step "large": the store is gone`; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			s.broken = false
			if out := svc.run(h); out.result() != "2097152" {
				t.Errorf("got %s %s", out.result(), out.errorText())
			}
		})
	})
}
