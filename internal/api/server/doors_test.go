package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/perdure/perdure/internal/api/credentials"
)

// TestDoors: a function of the engine comes in by its own door, with any
// credentials, and does there what functions do.
func TestDoors(t *testing.T) {
	doors := NewDoors(credentials.Function)
	url := "http://" + start(t, lambdaOf(named("lambda")), &Options{Doors: doors})
	order := url + doors.Path("order")
	if again := url + doors.Path("order"); again != order || url+doors.Path("other") == order {
		t.Error("a function has one door, and no other has it")
	}

	arn := "arn:aws:lambda:us-east-1:000000000000:function:order:$LATEST/durable-execution/first/0b1c"
	theirs := credentials.Credential{KeyID: "AKIAREAL", Secret: "of a real account"}
	c := client(order, theirs, http.DefaultClient)
	out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("other:7")})
	if err != nil || string(out.Payload) != "lambda /2015-03-31/functions/other%3A7/invocations" {
		t.Errorf("got %v, %v", out, err)
	}
	if status, body := get(t, order+"/2025-12-01/durable-executions/"+strings.ReplaceAll(arn, "/", "%2F")+"/state"); status != 200 ||
		!strings.HasPrefix(body, "lambda /2025-12-01/durable-executions/arn:") {
		t.Errorf("got %d %s", status, body)
	}
	_, err = c.StopDurableExecution(t.Context(), &lambda.StopDurableExecutionInput{DurableExecutionArn: &arn})
	wantCode(t, err, "AccessDeniedException", "User: arn:aws:iam::000000000000:function/order is not authorized to perform: "+
		"lambda:StopDurableExecution")
	for _, path := range []string{"/2015-03-31/functions", "/function//2015-03-31/functions", "/function/guess/2015-03-31/functions",
		"/health"} {
		if status, body := get(t, url+path); status != 403 || !strings.Contains(body, "This path belongs to no function of the engine.") {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
	if status, _ := get(t, order+"/2015-03-31/functions"); status != 403 {
		t.Errorf("got %d for a list of functions", status)
	}
}
