package main

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

var conditions = suite{
	"6-1":  serve(func(ctx durable.Context, limit int) (int, error) { return count(ctx, "", 0, limit) }),
	"6-2":  serve(metAtOnce),
	"6-3":  serve(func(ctx durable.Context, _ int) (int, error) { return count(ctx, "poll-status", 0, 2) }),
	"6-4":  serve(func(ctx durable.Context, limit int) (int, error) { return count(ctx, "", 5, limit) }),
	"6-5":  serve(func(ctx durable.Context, limit int) (int, error) { return count(ctx, "", 0, limit, everyTwoSeconds) }),
	"6-6":  serve(neverMet),
	"6-7":  serve(func(ctx durable.Context, _ any) (string, error) { return failingCheck(ctx) }),
	"6-8":  serve(recoveredCheck),
	"6-9":  serve(structuredState),
	"6-10": serve(nullState),
	"6-11": serve(stateSerdes),
	"6-12": serve(conditionThenStep),
	"6-13": serve(twoConditions),
}

var (
	everySecond     = durable.WithPolling(retry.Fixed(10, time.Second))
	everyTwoSeconds = durable.WithPolling(retry.Fixed(10, 2*time.Second))
)

// count adds one to the state with each check, until it reaches limit.
func count(ctx durable.Context, name string, initial, limit int, opts ...durable.ConditionOption) (int, error) {
	return durable.WaitForCondition(ctx, name, initial, func(_ context.Context, n int) (int, bool, error) {
		n++
		return n, n >= limit, nil
	}, append([]durable.ConditionOption{everySecond}, opts...)...)
}

func metAtOnce(ctx durable.Context, limit int) (int, error) {
	return durable.WaitForCondition(ctx, "", 5, func(_ context.Context, n int) (int, bool, error) {
		return n, n >= limit, nil
	}, everySecond)
}

func neverMet(ctx durable.Context, _ int) (int, error) {
	return durable.WaitForCondition(ctx, "", 0, func(_ context.Context, n int) (int, bool, error) {
		return n + 1, false, nil
	}, durable.WithPolling(retry.Fixed(3, time.Second)))
}

func failingCheck(ctx durable.Context) (string, error) {
	return durable.WaitForCondition(ctx, "", "", func(context.Context, string) (string, bool, error) {
		return "", false, errors.New("the check fails")
	}, everySecond)
}

func recoveredCheck(ctx durable.Context, _ any) (string, error) {
	_, err := failingCheck(ctx)
	if _, failed := durable.Failed(err, protocol.SubTypeWaitForCondition); !failed {
		return "", errors.New("the check did not fail with a WaitForConditionError")
	}
	return "recovered", nil
}

type progress struct {
	Status   string `json:"status"`
	Attempts int    `json:"attempts"`
}

func structuredState(ctx durable.Context, _ any) (progress, error) {
	initial := progress{Status: "PENDING"}
	return durable.WaitForCondition(ctx, "", initial, func(_ context.Context, p progress) (progress, bool, error) {
		p.Attempts++
		if p.Attempts >= 2 {
			p.Status = "DONE"
		}
		return p, p.Status == "DONE", nil
	}, everySecond)
}

func nullState(ctx durable.Context, _ any) (any, error) {
	return durable.WaitForCondition[any](ctx, "", nil, func(context.Context, any) (any, bool, error) {
		return nil, true, nil
	}, everySecond)
}

// encoded writes strings in base64.
type encoded struct{}

func (encoded) Marshal(_ context.Context, v any) ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(v.(string))), nil
}

func (encoded) Unmarshal(_ context.Context, data []byte, v any) error {
	text, err := base64.StdEncoding.AppendDecode(nil, data)
	*v.(*string) = string(text)
	return err
}

func stateSerdes(ctx durable.Context, _ any) (string, error) {
	return durable.WaitForCondition(ctx, "", "", func(_ context.Context, s string) (string, bool, error) {
		s += "x"
		return s, len(s) >= 2, nil
	}, everySecond, durable.WithSerdes(encoded{}))
}

func conditionThenStep(ctx durable.Context, limit int) (int, error) {
	n, err := count(ctx, "", 0, limit)
	if err != nil {
		return 0, err
	}
	return constant(ctx, "multiply", 10*n)
}

func twoConditions(ctx durable.Context, _ any) (int, error) {
	n, err := count(ctx, "", 0, 2)
	if err != nil {
		return 0, err
	}
	return count(ctx, "", n, 4)
}
