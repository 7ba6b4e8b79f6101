package durable_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
)

func TestWrongGoroutine(t *testing.T) {
	const wrong = "it is called by a goroutine that its context does not belong to"
	for want, fn := range map[string]func(durable.Context) (int, error){
		`MisuseError: perdure: durable.Step "x": ` + wrong: func(ctx durable.Context) (int, error) {
			done := make(chan int)
			go func() {
				defer close(done)
				durable.Step(ctx, "x", zero)
				t.Error("a step returned to a foreign goroutine")
			}()
			<-done
			return 0, nil
		},
		`MisuseError: perdure: durable.Wait "x": ` + wrong: func(ctx durable.Context) (int, error) {
			return durable.Go(ctx, "go", func(durable.Context) (int, error) { return 0, durable.Wait(ctx, "x", time.Second) }).Result(ctx)
		},
		`MisuseError: perdure: Future.Result "go": ` + wrong: func(ctx durable.Context) (int, error) {
			f := durable.Go(ctx, "go", func(durable.Context) (int, error) { return 0, nil })
			return durable.Go(ctx, "other", func(durable.Context) (int, error) { return f.Result(ctx) }).Result(ctx)
		},
		`MisuseError: perdure: durable.Step "inner": ` + wrong: func(ctx durable.Context) (int, error) {
			_, err := durable.Map(ctx, "map", []int{1}, func(ctx durable.Context, _, _ int) (int, error) {
				f := durable.Go(ctx, "go", func(durable.Context) (int, error) { return durable.Step(ctx, "inner", zero) })
				return f.Result(ctx)
			})
			return 0, err
		},
		`MisuseError: perdure: durable.Step "x": its context is in use by another operation`: func(ctx durable.Context) (int, error) {
			return durable.RunInChildContext(ctx, "child", func(durable.Context) (int, error) { return durable.Step(ctx, "x", zero) })
		},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				if out := svc.run(handle(svc, fn)); !strings.Contains(out.errorText(), want) {
					t.Errorf("got %s %q, want %q in it", out.result(), out.errorText(), want)
				}
			})
		})
	}
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (n int, err error) {
			done := make(chan int)
			go func() {
				defer close(done)
				n, err = durable.Step(ctx, "x", func(context.Context) (int, error) { return 7, nil })
			}()
			<-done
			return n, err
		}, durable.WithGoroutineChecks(false))
		if out := svc.run(h); out.result() != "7" {
			t.Errorf("without checks: got %s %s", out.result(), out.errorText())
		}
	})
}

// An operation in a deferred function does nothing when the run suspends, and
// says so.
func TestOperationInDefer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var log bytes.Buffer
		h := handle(svc, func(ctx durable.Context) (int, error) {
			return durable.Go(ctx, "go", func(ctx durable.Context) (int, error) {
				defer durable.Step(ctx, "compensate", func(context.Context) (int, error) {
					t.Error("the step ran")
					return 0, nil
				})
				return 0, durable.Wait(ctx, "w", time.Second)
			}).Result(ctx)
		}, durable.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		svc.invoke(h)
		if want := `durable.Step \"compensate\" did nothing: it is in a deferred function`; !strings.Contains(log.String(), want) {
			t.Errorf("the log is %q, want %q in it", log.String(), want)
		}
	})
}
