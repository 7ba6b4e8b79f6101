package durable_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// What many tests need: values, steps, a store, ways to encode, a log. The service is in service_test.go.

type order struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

type cardDeclined struct{ Code int }

func (e *cardDeclined) Error() string { return fmt.Sprintf("declined with %d", e.Code) }

var (
	errSentinel = errors.New("the sentinel")
	errItem     = errors.New("bad item")
	errShop     = errors.New("the shop is closed")
	errNowhere  = errors.New("connection refused")
)

// nowhere is a service that cannot be reached.
type nowhere struct{}

func (nowhere) Checkpoint(context.Context, *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	return nil, errNowhere
}

func (nowhere) State(context.Context, *protocol.StateRequest) (*protocol.StateReply, error) {
	return nil, errNowhere
}

func one(context.Context) (int, error)     { return 1, nil }
func zero(context.Context) (int, error)    { return 0, nil }
func nothing(context.Context) (any, error) { return nil, nil }
func empty(durable.Context) error          { return nil }

func step(name string, body func(context.Context) (int, error)) func(durable.Context) error {
	return func(ctx durable.Context) error {
		_, err := durable.Step(ctx, name, body)
		return err
	}
}

// stepHandler is a handler of one step.
func stepHandler(svc *service, body func(context.Context) (int, error), opts ...durable.StepOption) *durable.Handler {
	return durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		return durable.Step(ctx, "s", body, opts...)
	}, durable.WithClient(svc))
}

// after is work that takes d and then returns v.
func after[T any](name string, d time.Duration, v T) func(durable.Context) (T, error) {
	return func(ctx durable.Context) (T, error) {
		if err := durable.Wait(ctx, name+"-wait", d); err != nil {
			return v, err
		}
		return durable.Step(ctx, name+"-step", func(context.Context) (T, error) { return v, nil })
	}
}

func second[T any](_ T, err error) error { return err }

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// upper writes and reads in capitals.
type upper struct{}

func (upper) Marshal(_ context.Context, v any) ([]byte, error) {
	return bytes.ToUpper(fmt.Append(nil, v)), nil
}

func (upper) Unmarshal(_ context.Context, data []byte, v any) error {
	*v.(*string) = string(bytes.ToUpper(data))
	return nil
}

// doubling is a Serdes that gives itself away.
type doubling struct{}

func (doubling) Marshal(ctx context.Context, v any) ([]byte, error) {
	data, err := durable.JSON.Marshal(ctx, v)
	return append(data, data...), err
}

func (doubling) Unmarshal(ctx context.Context, data []byte, v any) error {
	return durable.JSON.Unmarshal(ctx, data[:len(data)/2], v)
}

// own is a Serdes of which the SDK knows nothing.
type own struct{}

func (own) Marshal(ctx context.Context, v any) ([]byte, error) { return durable.JSON.Marshal(ctx, v) }

func (own) Unmarshal(ctx context.Context, data []byte, v any) error {
	return durable.JSON.Unmarshal(ctx, data, v)
}

// cupboard is a Store in memory.
type cupboard struct {
	mu     sync.Mutex
	values map[string][]byte
	down   error
}

func (c *cupboard) Put(_ context.Context, key string, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = make(map[string][]byte)
	}
	c.values[key] = data
	return c.down
}

func (c *cupboard) Get(_ context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, ok := c.values[key]
	if !ok {
		return nil, errors.New("no such value")
	}
	return data, c.down
}

// recorded are operations whose results go through a Serdes of their own, by
// what errors call the result.
func recorded(s durable.Serdes) map[string]func(durable.Context) error {
	step := func(context.Context) (string, error) { return "s", nil }
	item := func(_ durable.Context, item string, _ int) (string, error) { return item, nil }
	return map[string]func(durable.Context) error{
		`the result of durable.Step "op"`: func(ctx durable.Context) error {
			return second(durable.Step(ctx, "op", step, durable.WithSerdes(s)))
		},
		`the result of durable.RunInChildContext "op"`: func(ctx durable.Context) error {
			return second(durable.RunInChildContext(ctx, "op", func(durable.Context) (int, error) { return 1, nil }, durable.WithSerdes(s)))
		},
		`the result of durable.Go "op"`: func(ctx durable.Context) error {
			return second(durable.Go(ctx, "op", func(durable.Context) (int, error) { return 1, nil }, durable.WithSerdes(s)).Result(ctx))
		},
		`the result of durable.Map "op"`: func(ctx durable.Context) error {
			return second(durable.Map(ctx, "op", []string{"a"}, item, durable.WithSerdes(s)))
		},
		`the result of durable.Map "large"`: func(ctx durable.Context) error {
			return second(durable.Map(ctx, "large", []string{strings.Repeat("a", 300<<10)}, item, durable.WithSerdes(s)))
		},
		`the result of item "map-item-0"`: func(ctx durable.Context) error {
			return second(durable.Map(ctx, "op", []string{"a"}, item, durable.WithItemSerdes(s)))
		},
		`the result of durable.WaitForCondition "op"`: func(ctx durable.Context) error {
			return second(durable.WaitForCondition(ctx, "op", 0, func(_ context.Context, n int) (int, bool, error) { return n + 1, n == 1, nil }, durable.WithSerdes(s)))
		},
	}
}

func captureLog() *logBuffer { return new(logBuffer) }

// refusedAtTheCall checks that a call is an error that names the operation and
// the rule, and records nothing.
func refusedAtTheCall(t *testing.T, operation, want string, call func(durable.Context) error) {
	t.Helper()
	t.Run(want, func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			svc := newService(t, `{}`)
			svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
				if err := call(ctx); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "perdure: "+operation) {
					t.Errorf("got %v, want an error of %s with %q", err, operation, want)
				}
				return nil, nil
			}, durable.WithClient(svc)))
			if len(svc.calls) != 0 {
				t.Errorf("it recorded %v", svc.calls)
			}
		})
	})
}

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

func (b *logBuffer) lines() []map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []map[string]any
	for dec := json.NewDecoder(bytes.NewReader(b.buf.Bytes())); ; {
		var line map[string]any
		if dec.Decode(&line) != nil {
			return lines
		}
		delete(line, "time")
		lines = append(lines, line)
	}
}

func (b *logBuffer) messages() (list []string) {
	for _, line := range b.lines() {
		list = append(list, line["msg"].(string))
	}
	return list
}
