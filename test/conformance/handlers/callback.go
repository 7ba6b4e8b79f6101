package main

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

var callbacks = suite{
	"4-1": serve(func(ctx durable.Context, name string) (string, error) { return awaitCallback(ctx, name) }),
	"4-2": serve(func(ctx durable.Context, _ any) (string, error) { return awaitCallback(ctx, "approval") }),
	"4-3": serve(func(ctx durable.Context, name string) (string, error) {
		return awaitCallback(ctx, name, durable.WithTimeout(5*time.Second))
	}),
	"4-4": serve(func(ctx durable.Context, name string) (string, error) {
		return awaitCallback(ctx, name, durable.WithHeartbeat(5*time.Second))
	}),
	"4-5": serve(func(ctx durable.Context, name string) (string, error) {
		return awaitCallback(ctx, name, durable.WithHeartbeat(10*time.Second))
	}),
	"4-6": serve(func(ctx durable.Context, name string) (string, error) { return awaitCallback(ctx, name) }),
	"4-7": serve(func(ctx durable.Context, name string) (string, error) { return stepThenAwait(ctx, name) }),
	"4-8": serve(func(ctx durable.Context, name string) (string, error) {
		return stepThenAwait(ctx, name, durable.WithTimeout(5*time.Second))
	}),
	"4-9":  serve(func(ctx durable.Context, name string) (string, error) { return waitThenAwait(ctx, name, 5*time.Second) }),
	"4-10": serve(func(ctx durable.Context, name string) (string, error) { return waitThenAwait(ctx, name, 5*time.Second) }),
	"4-11": serve(func(ctx durable.Context, name string) (string, error) {
		return waitThenAwait(ctx, name, 6*time.Second, durable.WithTimeout(3*time.Second))
	}),
	"4-12": serve(awaitThenWait),
	"4-13": serve(func(ctx durable.Context, name string) (string, error) { return failureThenWait(ctx, name) }),
	"4-14": serve(func(ctx durable.Context, name string) (string, error) {
		return failureThenWait(ctx, name, durable.WithTimeout(3*time.Second))
	}),
	"4-15": serve(callbackOfMessage),
	"4-16": serve(callbackOfNumber),
	"4-17": serve(callbackAfterCallback),
	"4-18": serve(func(ctx durable.Context, names []string) ([]string, error) { return twoCallbacks(ctx, names, 0, 1) }),
	"4-19": serve(func(ctx durable.Context, names []string) ([]string, error) { return twoCallbacks(ctx, names, 1, 0) }),
}

func awaitCallback(ctx durable.Context, name string, opts ...durable.CallbackOption) (string, error) {
	callback, err := durable.CreateCallback[string](ctx, name, opts...)
	if err != nil {
		return "", err
	}
	return callback.Result(ctx)
}

func stepThenAwait(ctx durable.Context, name string, opts ...durable.CallbackOption) (string, error) {
	callback, err := durable.CreateCallback[string](ctx, name, opts...)
	if err != nil {
		return "", err
	}
	if _, err := constant(ctx, "step", callback.ID()); err != nil {
		return "", err
	}
	return callback.Result(ctx)
}

func waitThenAwait(ctx durable.Context, name string, d time.Duration, opts ...durable.CallbackOption) (string, error) {
	callback, err := durable.CreateCallback[string](ctx, name, opts...)
	if err != nil {
		return "", err
	}
	if err := durable.Wait(ctx, "", d); err != nil {
		return "", err
	}
	return callback.Result(ctx)
}

func awaitThenWait(ctx durable.Context, name string) (string, error) {
	result, err := awaitCallback(ctx, name)
	if err != nil {
		return "", err
	}
	return result, durable.Wait(ctx, "", 2*time.Second)
}

func failureThenWait(ctx durable.Context, name string, opts ...durable.CallbackOption) (string, error) {
	_, err := awaitCallback(ctx, name, opts...)
	failed, found := durable.Failed(err, protocol.SubTypeCallback)
	if !found {
		return "", errors.New("the callback did not fail with a CallbackError")
	}
	return failed.Error(), durable.Wait(ctx, "", 2*time.Second)
}

type message struct {
	ID        string `json:"id"`
	Message   string `json:"message"`
	Timestamp int64  `json:"timestamp"` // seconds since 1970
}

// messages reads a message whose timestamp is a date in text.
type messages struct{ durable.Serdes }

func (messages) Unmarshal(_ context.Context, data []byte, v any) error {
	m := v.(*message)
	var sent struct {
		message
		Timestamp time.Time `json:"timestamp"`
	}
	err := json.Unmarshal(data, &sent)
	*m = sent.message
	m.Timestamp = sent.Timestamp.Unix()
	return err
}

func callbackOfMessage(ctx durable.Context, name string) (map[string]message, error) {
	callback, err := durable.CreateCallback[message](ctx, name, durable.WithSerdes(messages{durable.JSON}))
	if err != nil {
		return nil, err
	}
	received, err := callback.Result(ctx)
	return map[string]message{"received": received}, err
}

// numbers reads an integer in decimal notation.
type numbers struct{ durable.Serdes }

func (numbers) Unmarshal(_ context.Context, data []byte, v any) (err error) {
	*v.(*int), err = strconv.Atoi(string(data))
	return err
}

func callbackOfNumber(ctx durable.Context, name string) (map[string]int, error) {
	callback, err := durable.CreateCallback[int](ctx, name, durable.WithSerdes(numbers{durable.JSON}))
	if err != nil {
		return nil, err
	}
	count, err := callback.Result(ctx)
	return map[string]int{"count": count, "doubled": 2 * count}, err
}

func callbackAfterCallback(ctx durable.Context, names []string) ([]string, error) {
	var results []string
	for _, name := range names {
		result, err := awaitCallback(ctx, name)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

// twoCallbacks makes callbacks with the names, and awaits them in the order given.
func twoCallbacks(ctx durable.Context, names []string, order ...int) ([]string, error) {
	var callbacks []*durable.Callback[string]
	for _, name := range names {
		callback, err := durable.CreateCallback[string](ctx, name)
		if err != nil {
			return nil, err
		}
		callbacks = append(callbacks, callback)
	}
	results := make([]string, len(names))
	for _, i := range order {
		var err error
		if results[i], err = callbacks[i].Result(ctx); err != nil {
			return nil, err
		}
	}
	return results, nil
}
