package host

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// Outpost runs a function for an engine elsewhere: it has the processes, and their doors to that engine. One goroutine
// at a time uses it.
type Outpost struct {
	log   *slog.Logger
	doors *doors
	pool  *sandbox.Pool
}

// OpenOutpost opens an outpost for functions that find the engine's Lambda API through the face lambda.
func OpenOutpost(lambda *route.Face, log *slog.Logger) (*Outpost, error) {
	if err := sandbox.Shelter(); err != nil {
		log.Warn("functions may be able to read this command's environment", "error", err)
	}
	d, err := openDoors(lambda, credentials.Function, &server.Options{Logger: log})
	if err != nil {
		return nil, err
	}
	d.serve(make(chan error, 1))
	return &Outpost{log: log, doors: d}, nil
}

// Run runs code in place of the code before, in as many processes as its function's concurrency needs, for the
// engine of a region and an account. Their output goes to output.
func (o *Outpost) Run(c *Code, region, account string, output func(engine.LogLine)) (engine.Invoker, error) {
	if c.For == Rehearsing && !knowsRehearsals(c.Process) {
		return nil, ErrNoRehearsal
	}
	o.closePool()
	cfg := c.config(o.doors.runtime)
	cfg.Version = cmp.Or(cfg.Version, protocol.LatestVersion)
	cfg.Region, cfg.Account = region, account
	cfg.LambdaEndpoint, cfg.Output, cfg.Logger = o.doors.endpointOf(cfg.Name), output, o.log
	pool, err := sandbox.New(cfg)
	if err != nil {
		return nil, err
	}
	o.pool = pool
	return pool, nil
}

func (o *Outpost) closePool() {
	if o.pool != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		o.pool.Close(ctx)
	}
}

// Close ends the processes and the ports, within twenty seconds.
func (o *Outpost) Close() {
	o.closePool()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	o.doors.close(ctx)
}
