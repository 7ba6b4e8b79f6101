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

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Millisecond: "5ms", 5200 * time.Millisecond: "5.2s", 2 * time.Minute: "2m",
	} {
		if got := Elapsed(d); got != want {
			t.Errorf("Elapsed(%v): got %s, want %s", d, got, want)
		}
	}
}

func TestSpaced(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Millisecond: "5 ms", 5200 * time.Millisecond: "5.2 s", 42 * time.Second: "42 s",
		63 * time.Second: "1 min 3 s", 25 * time.Hour: "25 h 0 min", 49 * time.Hour: "2 d 1 h",
	} {
		if got := Spaced(d); got != want {
			t.Errorf("Spaced(%v): got %s, want %s", d, got, want)
		}
	}
}
