package sqlitestore

import (
	"context"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/sqlstore"
)

type Options struct{}

func Open(ctx context.Context, dir string, opts *Options) (engine.Store, error) {
	return sqlstore.Open(ctx, dir, nil)
}
