package span

import (
	"testing"
	"time"
)

func TestWhole(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", -time.Second: "0s", 300 * time.Millisecond: "1s", 61 * time.Second: "1m01s",
		time.Hour: "1h", 25 * time.Hour: "1d01h", 366 * 24 * time.Hour: "366d",
	} {
		if got := Whole(d); got != want {
			t.Errorf("Whole(%v): got %s, want %s", d, got, want)
		}
	}
}
