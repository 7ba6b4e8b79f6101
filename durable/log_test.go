package durable_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// What was recorded inside of a virtual context tells, too, that code had come
// past a future.
func TestLogOnceBeforeVirtualContexts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc, log := newService(t, "{}"), captureLog()
		svc.after = func(int, *protocol.CheckpointReply) error {
			if svc.invocations == 1 && slices.Contains(svc.events, "StepSucceeded inner") {
				return errNowhere
			}
			return nil
		}
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			f := durable.Go(ctx, "f", after("f", time.Hour, 1))
			ctx.Logger().Info("after Go")
			durable.RunInChildContext(ctx, "v", func(ctx durable.Context) (int, error) {
				return durable.Step(ctx, "inner", one)
			}, durable.WithVirtual())
			v := durable.Go(ctx, "vf", func(ctx durable.Context) (int, error) { return durable.Step(ctx, "inner", one) }, durable.WithVirtual())
			v.Result(ctx)
			ctx.Logger().Info("after Result")
			durable.RunInChildContext(ctx, "v", func(ctx durable.Context) (int, error) {
				return 1, durable.Wait(ctx, "w", time.Second)
			}, durable.WithVirtual())
			_, err := f.Result(ctx)
			ctx.Logger().Info("end")
			return nil, err
		}, durable.WithLogger(log.logger())))
		if diff := cmp.Diff([]string{"after Go", "after Result", "end"}, log.messages()); diff != "" {
			t.Errorf("%s; lines (-want +got):\n%s", out.errorText(), diff)
		}
	})
}

// Each line is written once over all invocations, wherever it stands.
func TestLogOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		log := captureLog()
		failures := 0
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			say := ctx.Logger().Info
			say("start")
			durable.Step(ctx, "a", func(ctx context.Context) (int, error) {
				durable.Logger(ctx).Info("in a")
				return 0, nil
			})
			say("after a")
			durable.Wait(ctx, "w", time.Second)
			say("after w")
			durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (int, error) {
				ctx.Logger().Info("c starts")
				durable.Step(ctx, "b", func(ctx context.Context) (int, error) {
					if failures++; failures < 3 {
						durable.Logger(ctx).Info("b fails")
						return 0, errors.New("again")
					}
					return 0, nil
				})
				ctx.Logger().Info("after b")
				durable.Wait(ctx, "w2", time.Second)
				ctx.Logger().Info("c ends")
				return 0, nil
			})
			say("after c")
			durable.Wait(ctx, "w3", time.Second)
			say("end")
			return nil, nil
		}, durable.WithClient(svc), durable.WithLogger(log.logger()))
		svc.run(h)
		want := []string{
			"start", "in a", "after a", "after w", "c starts", "b fails", "b fails",
			"after b", "c ends", "after c", "end",
		}
		if diff := cmp.Diff(want, log.messages()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

// With WithReplayLogs a line is written whenever its code runs.
func TestLogOnReplay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		log := captureLog()
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			ctx.Logger().Info("start")
			err := durable.Wait(ctx, "w", time.Second)
			ctx.Logger().Info("end")
			return nil, err
		}, durable.WithClient(svc), durable.WithLogger(log.logger()), durable.WithReplayLogs())
		svc.run(h)
		var got []any
		for _, line := range log.lines() {
			got = append(got, line["msg"], line["replay"])
		}
		if diff := cmp.Diff([]any{"start", nil, "start", true, "end", nil}, got); diff != "" {
			t.Errorf("message and replay of each line (-want +got):\n%s", diff)
		}
	})
}

func TestLogFields(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		log := captureLog()
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			ctx.Logger().With("k", "v").Warn("handler")
			return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (int, error) {
				durable.Logger(ctx).Info("child")
				return durable.Step(ctx, "s", func(ctx context.Context) (int, error) {
					durable.Logger(ctx).Info("step")
					return 0, nil
				})
			})
		}, durable.WithClient(svc), durable.WithLogger(log.logger()))
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "r1", TenantID: "t1"})
		if _, err := svc.invokeWith(ctx, h); err != nil {
			t.Fatal(err)
		}
		line := func(level, msg string, more ...any) map[string]any {
			m := map[string]any{"level": level, "msg": msg, "executionArn": testARN, "requestId": "r1", "tenantId": "t1"}
			for i := 0; i < len(more); i += 2 {
				m[more[i].(string)] = more[i+1]
			}
			return m
		}
		want := []map[string]any{
			line("WARN", "handler", "k", "v"),
			line("INFO", "child", "operationId", "1", "operationName", "c"),
			line("INFO", "step", "operationId", "1-1", "operationName", "s", "attempt", 1.0),
		}
		if diff := cmp.Diff(want, log.lines()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

func TestDefaultLogger(t *testing.T) {
	for level, want := range map[string][]string{
		"":      {"INFO", "ERROR"},
		"DEBUG": {"DEBUG", "INFO", "ERROR"},
		"ERROR": {"ERROR"},
		"FATAL": nil,
	} {
		t.Run(level, func(t *testing.T) {
			t.Setenv("AWS_LAMBDA_LOG_LEVEL", level)
			log := captureLog()
			l := durable.NewLogger(log)
			l.Debug("text")
			l.Info("text")
			l.Error("text")
			var got []string
			for _, line := range log.lines() {
				got = append(got, line["level"].(string))
				if _, err := time.Parse(time.RFC3339, line["timestamp"].(string)); err != nil || line["message"] != "text" {
					t.Errorf("got line %v, want timestamp and message", line)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("levels (-want +got):\n%s", diff)
			}
		})
	}
}

// IsReplaying says where logs are silent.
func TestIsReplaying(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var seen []string
		note := func(ctx context.Context, where string) {
			seen = append(seen, fmt.Sprint(where, " ", durable.IsReplaying(ctx)))
		}
		svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			note(ctx, "start")
			durable.Step(ctx, "s", func(ctx context.Context) (int, error) { note(ctx, "step"); return 0, nil })
			note(context.WithoutCancel(ctx), "derived")
			err := durable.Wait(ctx, "w", time.Second)
			note(ctx, "end")
			return nil, err
		}))
		note(t.Context(), "elsewhere")
		want := []string{"start false", "step false", "derived false", "start true", "derived true", "end false", "elsewhere false"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("got (-want +got):\n%s", diff)
		}
		var none context.Context
		if _, ok := durable.From(none); ok {
			t.Error("nil has a durable context")
		}
	})
}
