package retry_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable/retry"
)

// delays lists the delays of a policy until it gives up, without jitter.
func delays(p retry.Policy) (list []int64) {
	p.Jitter = retry.NoJitter
	for n := 1; n < 20; n++ {
		d, ok := p.Next(io.EOF, n)
		if !ok {
			break
		}
		list = append(list, max(1, int64(d.Round(time.Second)/time.Second))) // as durable has them recorded
	}
	return list
}

func TestDelays(t *testing.T) {
	for name, test := range map[string]struct {
		policy retry.Policy
		want   []int64
	}{
		"default":   {retry.Policy{}, []int64{5, 10, 20, 40, 60}},
		"none":      {retry.None(), nil},
		"fixed":     {retry.Fixed(4, 90*time.Second), []int64{90, 90, 90}},
		"linear":    {retry.Linear(6, time.Second, time.Second), []int64{1, 2, 3, 4, 5}},
		"capped":    {retry.Linear(4, 4*time.Minute, time.Minute), []int64{240, 300, 300}},
		"rounded":   {retry.Fixed(2, 400*time.Millisecond), []int64{1}},
		"growing":   {retry.Policy{MaxAttempts: 4, Delay: time.Second, Multiplier: 1.5, MaxDelay: time.Hour}, []int64{1, 2, 2}},
		"filtered":  {retry.Policy{RetryIf: retry.Is(io.ErrClosedPipe)}, nil},
		"kept":      {retry.Policy{MaxAttempts: 2, RetryIf: retry.Is(io.ErrClosedPipe, io.EOF)}, []int64{5}},
		"not":       {retry.Policy{RetryIf: retry.Not(retry.Is(io.EOF))}, nil},
		"other":     {retry.Policy{RetryIf: retry.As[*fs.PathError]()}, nil},
		"huge":      {retry.Policy{MaxAttempts: 3, Delay: 1 << 62, MaxDelay: 1 << 62, Multiplier: 1e300}, []int64{31_622_400, 31_622_400}},
		"transient": {retry.Transient(), []int64{1, 2}},
		"resource":  {retry.Resource(), []int64{5, 10, 20, 40}},
		"critical":  {retry.Critical(), []int64{1, 2, 2, 3, 5, 8, 11, 17, 26}},
		"own":       {retry.Func(func(_ error, n int) (time.Duration, bool) { return 0, n < 3 }), []int64{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, delays(test.policy)); diff != "" {
				t.Errorf("delays in seconds (-want +got):\n%s", diff)
			}
		})
	}
}

type quotaError struct{ error }

func TestFilters(t *testing.T) {
	quota := fmt.Errorf("asking: %w", &quotaError{io.EOF})
	for name, test := range map[string]struct {
		filter func(error) bool
		want   bool
	}{
		"is":     {retry.Is(io.ErrClosedPipe, io.EOF), false},
		"none":   {retry.Is(), false},
		"as":     {retry.As[*quotaError](), true},
		"not as": {retry.Not(retry.As[*fs.PathError]()), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.filter(quota); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func TestJitter(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 2000 {
		full, _ := retry.Policy{Delay: 10 * time.Second}.Next(errors.New(""), 1)
		half, _ := retry.Policy{Delay: 10 * time.Second, Jitter: retry.HalfJitter}.Next(errors.New(""), 1)
		seen[full.Round(time.Second)] = true
		if full < 0 || full > 10*time.Second || half < 5*time.Second || half > 10*time.Second {
			t.Fatalf("delays %v with full and %v with half jitter of 10 s", full, half)
		}
	}
	if len(seen) != 11 {
		t.Errorf("full jitter of 10 s made only the delays %v", seen)
	}
}
