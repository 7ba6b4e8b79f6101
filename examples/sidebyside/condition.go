package sidebyside

import (
	"context"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

// Transcode is a job on somebody else's machine.
type Transcode struct {
	ID   string
	Done bool
	URL  string
}

// Studio runs such jobs.
type Studio struct {
	Look func(ctx context.Context, id string) (Transcode, error)
}

// Await looks every ten seconds, for an hour at most, until the job is done.
func (s Studio) Await(ctx durable.Context, id string) (string, error) {
	job, err := durable.WaitForCondition(ctx, "transcoded", Transcode{ID: id},
		func(ctx context.Context, job Transcode) (Transcode, bool, error) {
			job, err := s.Look(ctx, job.ID)
			return job, job.Done, err
		}, durable.WithPolling(retry.Fixed(360, 10*time.Second)))
	return job.URL, err
}
