package lambdaapi

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
)

// witness answers with what its invocation says of the caller.
type witness struct{}

func (witness) Invoke(_ context.Context, inv *engine.Invocation) engine.Outcome {
	said := inv.TenantID + " " + inv.TraceID
	return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED","Result":"` + said + `"}`)}
}

// A tenant reaches functions that keep tenants apart, and is asked for.
func TestTenants(t *testing.T) {
	const (
		without = "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
		with    = "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again."
	)
	durable := &engine.DurableConfig{ExecutionTimeout: time.Minute}
	e, err := engine.Open(t.Context(), memstore.New(), &engine.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	for _, f := range []engine.Function{
		{Name: "apart", Invoker: witness{}, Durable: durable, PerTenant: true},
		{Name: "together", Invoker: witness{}, Durable: durable},
		{Name: "plain", Invoker: witness{}, PerTenant: true},
	} {
		if err := e.Functions().Register(f); err != nil {
			t.Fatal(err)
		}
	}
	url, _ := serve(t, e, &Options{Strict: true})
	invoke := func(function, tenant string, kind types.InvocationType) error {
		_, err := sdkClient(url).Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: &function, Qualifier: aws.String("$LATEST"), TenantId: text(tenant), InvocationType: kind,
		})
		return err
	}
	for _, kind := range invocationTypes {
		for _, test := range []struct{ function, tenant, refusal string }{
			{"apart", "blue", ""}, {"apart", "", without}, {"together", "", ""}, {"together", "blue", with},
			{"plain", "blue", ""}, {"plain", "", without},
		} {
			err := invoke(test.function, test.tenant, types.InvocationType(kind))
			if test.refusal != "" {
				wantCode(t, test.function+" "+string(kind), err, "InvalidParameterValueException", test.refusal)
			} else if err != nil {
				t.Errorf("%s, %s, tenant %q: %v", kind, test.function, test.tenant, err)
			}
		}
	}
}

// What a caller says of its trace is recorded, and reaches the function.
func TestTraceHeader(t *testing.T) {
	const header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	e := realEngine(t)
	if err := e.Functions().Register(engine.Function{Name: "witness", Invoker: witness{},
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	url, _ := serve(t, e, nil)
	got := request(t, url, "POST", functions+"/witness/invocations", "", "X-Amzn-Trace-Id", header, "X-Amz-Tenant-Id", "blue")
	checkAnswer(t, got, 200, "", "")
	if want := "blue " + header; got.body != want {
		t.Errorf("the function was told %s, want %s", got.body, want)
	}
	arn := got.header.Get("X-Amz-Durable-Execution-Arn")
	d, err := sdkClient(url).GetDurableExecution(t.Context(), &lambda.GetDurableExecutionInput{DurableExecutionArn: &arn})
	if err != nil || aws.ToString(d.TraceHeader.XAmznTraceId) != header {
		t.Errorf("got %+v, %v recorded, want %s", d.TraceHeader, err, header)
	}
	without := request(t, url, "POST", functions+"/witness/invocations", "")
	arn = without.header.Get("X-Amz-Durable-Execution-Arn")
	if d, err := sdkClient(url).GetDurableExecution(t.Context(), &lambda.GetDurableExecutionInput{DurableExecutionArn: &arn}); err != nil ||
		" "+aws.ToString(d.TraceHeader.XAmznTraceId) != without.body {
		t.Errorf("got %+v, %v recorded, told %s", d, err, without.body)
	}
}
