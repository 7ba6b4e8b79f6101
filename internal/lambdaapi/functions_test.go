package lambdaapi

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/perdure/perdure/engine"
)

func TestListFunctions(t *testing.T) {
	e := realEngine(t)
	url, _ := serve(t, e, nil)
	for _, f := range []engine.Function{
		{Name: "plain", Invoker: &orderFunction{}},
		{Name: "order", Version: "7", Timeout: time.Minute, Invoker: &orderFunction{}, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour, RetentionDays: 3}},
	} {
		if err := e.Register(f); err != nil {
			t.Fatal(err)
		}
	}
	out, err := sdkClient(url).ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	if err != nil || len(out.Functions) != 2 {
		t.Fatalf("got %v, %v; want two functions", out, err)
	}
	order, plain := out.Functions[0], out.Functions[1]
	if aws.ToString(order.FunctionArn) != "arn:aws:lambda:us-east-1:000000000000:function:order:7" || aws.ToInt32(order.Timeout) != 60 ||
		aws.ToInt32(order.DurableConfig.ExecutionTimeout) != 3600 || aws.ToInt32(order.DurableConfig.RetentionPeriodInDays) != 3 {
		t.Errorf("order: got %+v", order)
	}
	if aws.ToString(plain.FunctionName) != "plain" || aws.ToString(plain.Version) != "$LATEST" || plain.DurableConfig != nil {
		t.Errorf("plain: got %+v", plain)
	}
}
