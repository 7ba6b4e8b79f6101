package host

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// Outpost runs a function for an engine elsewhere: it has the Runtime API for the processes, their way to that
// engine, and the processes. One goroutine at a time uses it.
type Outpost struct {
	log     *slog.Logger
	runtime *runtimeapi.Server
	doors   *doors
	pool    *sandbox.Pool
}

// OpenOutpost opens an outpost for functions that find the engine's Lambda API through the face lambda.
func OpenOutpost(lambda *route.Face, log *slog.Logger) (*Outpost, error) {
	if err := sandbox.Shelter(); err != nil {
		log.Warn("functions may be able to read this command's environment", "error", err)
	}
	runtime, err := runtimeapi.Listen(log)
	if err != nil {
		return nil, err
	}
	d, err := openDoors(lambda, log, nil)
	if err != nil {
		runtime.Close()
		return nil, err
	}
	d.serve(make(chan error, 1))
	return &Outpost{log: log, runtime: runtime, doors: d}, nil
}

// Run runs code in place of the code before, in at most as many processes as its function's concurrency, for the
// engine of a region and an account. Their output goes to output.
func (o *Outpost) Run(c *Code, region, account string, output func(engine.LogLine)) (engine.Invoker, error) {
	o.closePool()
	cfg := c.config(o.runtime)
	cfg.Version = cmp.Or(cfg.Version, protocol.LatestVersion)
	cfg.MaxProcesses, cfg.Region, cfg.Account = c.Function.Concurrency, region, account
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
	o.runtime.Close()
}
