package text

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", -time.Second: "0s", 300 * time.Millisecond: "1s", 61 * time.Second: "1m01s",
		time.Hour: "1h", 25 * time.Hour: "1d01h", 366 * 24 * time.Hour: "366d",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v): got %s, want %s", d, got, want)
		}
	}
}
