package golden

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// TestDeployedOrder: a test in memory runs against `perdure serve`, where the function is a process.
func TestDeployedOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("waits 5 s of real time")
	}
	event, err := os.ReadFile("../../examples/order/events/event.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PERDURE_TEST_ENDPOINT", serve(t))
	here := func(durable.Context, json.RawMessage) (map[string]string, error) {
		return nil, errors.New("the handler of the test ran, and not the deployed one")
	}
	r := durabletest.Drive(t, here, json.RawMessage(event), func(_ *testing.T, x *durabletest.Execution) {
		x.Await("payment_confirmation")
	}, durabletest.Cloud("order"))
	if got := r.Output()["status"]; got != "completed" || r.Elapsed < confirmationTime || r.Invocations != 2 {
		t.Errorf("the order is %s, after %v and %d invocations; want it completed, after %v at least and 2", got, r.Elapsed,
			r.Invocations, confirmationTime)
	}
	if op := r.Operation("fulfill_order"); op.Status != "SUCCEEDED" {
		t.Errorf("got %+v", op)
	}
}
