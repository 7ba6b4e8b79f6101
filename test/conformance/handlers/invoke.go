package main

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

var invokes = suite{
	"5-1":  serve(func(ctx durable.Context, input any) (any, error) { return durable.Invoke(ctx, "", echo, input) }),
	"5-2":  serve(namedInvoke),
	"5-3":  serve(func(ctx durable.Context, input any) (any, error) { return durable.Invoke(ctx, "", echo, input) }),
	"5-4":  serve(func(ctx durable.Context, input any) (any, error) { return durable.Invoke(ctx, "", echo, input) }),
	"5-5":  serve(func(ctx durable.Context, _ any) (any, error) { return durable.Invoke(ctx, "", failing, nil) }),
	"5-6":  serve(caughtInvoke),
	"5-7":  serve(largeInvoke),
	"5-8":  serve(tenantInvoke),
	"5-9":  serve(invokeThenWait),
	"5-10": serve(failedInvokeThenWait),
	"5-11": serve(stepThenInvoke),
	"5-12": serve(invokeThenStep),
	"5-13": serve(invokeInChild),
	"5-14": serve(twoInvokes),
	"5-15": serve(invokePayloadSerdes),
	"5-16": serve(invokeResultSerdes),
}

// The functions that the others invoke.
var (
	echo    = durable.Function[any, any]{Name: "echo:$LATEST"}
	failing = durable.Function[any, any]{Name: "failing:$LATEST"}
	tenant  = durable.Function[any, any]{Name: "tenant:$LATEST"}
)

// The targets take their time: the requirements have the caller's invocation end
// before the target's.
var targets = suite{
	"echo":    serve(slowly(func(_ durable.Context, input any) (any, error) { return input, nil })),
	"failing": serve(slowly(func(durable.Context, any) (any, error) { return nil, errors.New("this function always fails") })),
	"tenant":  serve(slowly(echoForTenant)),
}

func slowly(handler func(durable.Context, any) (any, error)) func(durable.Context, any) (any, error) {
	return func(ctx durable.Context, input any) (any, error) {
		time.Sleep(300 * time.Millisecond) //perdure:ignore each of their invocations is to take its time
		return handler(ctx, input)
	}
}

// echoForTenant fails unless it was invoked for a tenant, as a function that
// isolates its tenants does.
func echoForTenant(ctx durable.Context, input any) (any, error) {
	//perdure:ignore environment: the tenant is the same on every run
	if lc, ok := lambdacontext.FromContext(ctx); !ok || lc.TenantID == "" {
		return nil, errors.New("invoked without a tenant")
	}
	return input, nil
}

func namedInvoke(ctx durable.Context, input struct{ Name, Payload string }) (any, error) {
	return durable.Invoke(ctx, input.Name, echo, any(input.Payload))
}

func caughtInvoke(ctx durable.Context, _ any) (any, error) {
	_, err := durable.Invoke(ctx, "", failing, nil)
	if _, failed := durable.Failed(err, protocol.SubTypeChainedInvoke); !failed {
		return nil, errors.New("the invoke did not fail with an InvokeError")
	}
	return "fallback", nil
}

func largeInvoke(ctx durable.Context, _ any) (int, error) {
	large := strings.Repeat("x", 1_000_000)
	result, err := durable.Invoke(ctx, "", durable.Function[string, string](echo), large)
	return len(result), err
}

func tenantInvoke(ctx durable.Context, input struct{ TenantID, Payload string }) (any, error) {
	return durable.Invoke(ctx, "", tenant, any(input.Payload), durable.WithTenantID(input.TenantID))
}

func invokeThenWait(ctx durable.Context, _ any) (any, error) {
	result, err := durable.Invoke(ctx, "", echo, any("cached"))
	if err != nil {
		return nil, err
	}
	return result, durable.Wait(ctx, "", time.Second)
}

func failedInvokeThenWait(ctx durable.Context, _ any) (string, error) {
	_, err := durable.Invoke(ctx, "", failing, nil)
	if err == nil {
		return "", errors.New("the invoke did not fail")
	}
	return err.Error(), durable.Wait(ctx, "", time.Second)
}

func stepThenInvoke(ctx durable.Context, _ any) (any, error) {
	result, err := constant(ctx, "step", "from the step")
	if err != nil {
		return nil, err
	}
	return durable.Invoke(ctx, "", echo, any(result))
}

func invokeThenStep(ctx durable.Context, _ any) (any, error) {
	result, err := durable.Invoke(ctx, "", echo, any("from the invoke"))
	if err != nil {
		return nil, err
	}
	return constant(ctx, "step", result)
}

func invokeInChild(ctx durable.Context, _ any) (any, error) {
	return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (any, error) {
		return durable.Invoke(ctx, "", echo, any("from the child"))
	})
}

func twoInvokes(ctx durable.Context, _ any) (any, error) {
	first, err := durable.Invoke(ctx, "first", echo, any("first"))
	if err != nil {
		return nil, err
	}
	return durable.Invoke(ctx, "second", echo, first)
}

func invokePayloadSerdes(ctx durable.Context, input any) (any, error) {
	return durable.Invoke(ctx, "", echo, input, durable.WithPayloadSerdes(upperCaseJSON{durable.JSON}))
}

func invokeResultSerdes(ctx durable.Context, input string) (string, error) {
	return durable.Invoke(ctx, "", durable.Function[string, string](echo), input,
		durable.WithPayloadSerdes(durable.JSON), durable.WithSerdes(upperCase{}))
}
