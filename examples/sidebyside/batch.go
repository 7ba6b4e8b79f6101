package sidebyside

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// Gallery makes small pictures of large ones.
type Gallery struct {
	Shrink func(ctx context.Context, picture string) (thumbnail string, err error)
}

// Thumbnails shrinks three pictures at a time and puts up with two that fail.
func (g Gallery) Thumbnails(ctx durable.Context, pictures []string) (string, error) {
	made, err := durable.Map(ctx, "thumbnails", pictures,
		func(ctx durable.Context, picture string, _ int) (string, error) {
			return durable.Step(ctx, "shrink", func(ctx context.Context) (string, error) {
				return g.Shrink(ctx, picture)
			}, durable.WithRetry(retry.None()))
		},
		durable.WithMaxConcurrency(3),
		durable.WithToleratedFailures(2),
		durable.WithItemNames(func(i int) string { return pictures[i] }))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("made %d, failed %d", len(made.Values()), len(made.Only(protocol.StatusFailed))), nil
}
