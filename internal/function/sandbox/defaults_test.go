package sandbox

import (
	"testing"
	"time"
)

// A busy machine may take longer than 10 s to start an interpreter. Lambda tries
// again then, for as long as the function's timeout.
func TestInitTimeoutFollowsTheTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		0:                10 * time.Second,
		3 * time.Second:  10 * time.Second,
		20 * time.Second: 20 * time.Second,
		15 * time.Minute: 30 * time.Second,
	} {
		c := Config{Command: []string{"x"}, Timeout: timeout}
		if c.setDefaults(); c.InitTimeout != want {
			t.Errorf("timeout %s: got %s for an initialisation, want %s", timeout, c.InitTimeout, want)
		}
	}
	c := Config{Command: []string{"x"}, Timeout: time.Minute, InitTimeout: time.Second}
	if c.setDefaults(); c.InitTimeout != time.Second {
		t.Errorf("got %s, want what was asked for", c.InitTimeout)
	}
}
