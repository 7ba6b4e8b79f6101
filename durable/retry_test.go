package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// delays lists the delays of a policy until it gives up, without jitter.
func delays(p RetryPolicy) (list []int64) {
	p.Jitter = NoJitter
	for n := 1; n < 20; n++ {
		d, ok := p.next(io.EOF, n)
		if !ok {
			break
		}
		list = append(list, d)
	}
	return list
}

func TestRetryDelays(t *testing.T) {
	for name, test := range map[string]struct {
		policy RetryPolicy
		want   []int64
	}{
		"default":   {RetryPolicy{}, []int64{5, 10, 20, 40, 60}},
		"none":      {NoRetry(), nil},
		"fixed":     {FixedRetry(4, 90*time.Second), []int64{90, 90, 90}},
		"linear":    {LinearRetry(6, time.Second, time.Second), []int64{1, 2, 3, 4, 5}},
		"capped":    {LinearRetry(4, 4*time.Minute, time.Minute), []int64{240, 300, 300}},
		"rounded":   {FixedRetry(2, 400*time.Millisecond), []int64{1}},
		"growing":   {RetryPolicy{MaxAttempts: 4, Delay: time.Second, Multiplier: 1.5, MaxDelay: time.Hour}, []int64{1, 2, 2}},
		"filtered":  {RetryPolicy{RetryIf: ErrorIs(io.ErrClosedPipe)}, nil},
		"kept":      {RetryPolicy{MaxAttempts: 2, RetryIf: ErrorIs(io.ErrClosedPipe, io.EOF)}, []int64{5}},
		"not":       {RetryPolicy{RetryIf: Not(ErrorIs(io.EOF))}, nil},
		"other":     {RetryPolicy{RetryIf: ErrorAs[*fs.PathError]()}, nil},
		"huge":      {RetryPolicy{MaxAttempts: 3, Delay: 1 << 62, MaxDelay: 1 << 62, Multiplier: 1e300}, []int64{31_622_400, 31_622_400}},
		"transient": {TransientRetry(), []int64{1, 2}},
		"resource":  {ResourceRetry(), []int64{5, 10, 20, 40}},
		"critical":  {CriticalRetry(), []int64{1, 2, 2, 3, 5, 8, 11, 17, 26}},
		"own":       {RetryFunc(func(_ error, n int) (time.Duration, bool) { return 0, n < 3 }), []int64{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, delays(test.policy)); diff != "" {
				t.Errorf("delays in seconds (-want +got):\n%s", diff)
			}
		})
	}
}

type quotaError struct{ error }

func TestRetryFilters(t *testing.T) {
	recorded := &StepError{Name: "s", Err: &RecordedError{Type: "CardDeclined", Message: "declined with 51"}}
	quota := fmt.Errorf("asking: %w", &quotaError{io.EOF})
	for name, test := range map[string]struct {
		filter           func(error) bool
		recorded, quotas bool
	}{
		"contains":      {ErrorContains("missing", "with 51"), true, false},
		"contains none": {ErrorContains(), false, false},
		"matches":       {ErrorMatches(regexp.MustCompile(`with \d+$`), regexp.MustCompile("^asking")), true, true},
		"other pattern": {ErrorMatches(regexp.MustCompile(`^with`)), false, false},
		"type":          {ErrorTypeIs("CardDeclined"), true, false},
		"types":         {ErrorTypeIs("StepError", "quotaError"), false, true},
		"not of a type": {Not(ErrorTypeIs("CardDeclined")), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.filter(recorded); got != test.recorded {
				t.Errorf("a recorded error: got %t", got)
			}
			if got := test.filter(quota); got != test.quotas {
				t.Errorf("an error of Go: got %t", got)
			}
		})
	}
}

func TestJitter(t *testing.T) {
	seen := make(map[int64]bool)
	for range 2000 {
		full, _ := (&RetryPolicy{Delay: 10 * time.Second}).next(errors.New(""), 1)
		half, _ := (&RetryPolicy{Delay: 10 * time.Second, Jitter: HalfJitter}).next(errors.New(""), 1)
		seen[full] = true
		if full < 1 || full > 10 || half < 5 || half > 10 {
			t.Fatalf("delays %d s with full and %d s with half jitter of 10 s", full, half)
		}
	}
	if len(seen) != 10 {
		t.Errorf("full jitter of 10 s made only the delays %v", seen)
	}
}

func TestPollIntervals(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second, 9: 9 * time.Second, 10: 10 * time.Second, 95: 10 * time.Second, 96: time.Minute} {
		if got := pollInterval(n); got != want {
			t.Errorf("interval after poll %d: got %v, want %v", n, got, want)
		}
	}
}
