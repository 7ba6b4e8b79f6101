package durableotel

import (
	"testing"
	"time"
)

// Executions outlive releases, so what ids are derived from must not change.
func TestIDsStay(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/n/exec"
	start := time.Unix(0x5759e988, 0)
	for _, test := range []struct{ got, want string }{
		{traceID(arn, start).String(), "5759e98859eea5f2dc24f4561d2c5f0c"},
		{spanID(arn, "workflow", "").String(), "fecd1a7ded6c4e17"},
		{spanID(arn, "operation", "1").String(), "3c0d578025374d5d"},
		{spanID(arn, "attempt", attemptName("1", 2)).String(), "6edea20f24e428c2"},
	} {
		if test.got != test.want {
			t.Errorf("got id %s, want %s", test.got, test.want)
		}
	}
}
