package host

import (
	"context"
	"io"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/emulator"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/function/httpfunction"
)

// dockerHost is the name of this machine inside of containers.
const dockerHost = "host.docker.internal"

// openServer makes the server of the port, and the doors, which are open from now on. Who needs no credentials on the
// port may do behind a door what everybody may do.
func (h *Host) openServer() (err error) {
	opts := h.opts.Server
	opts.Logger = h.opts.Log
	if h.opts.SAM {
		opts.Hosts = append(opts.Hosts[:len(opts.Hosts):len(opts.Hosts)], dockerHost)
	}
	if h.traces != nil {
		opts.Spans = h.traces
	}
	opts.Metrics, opts.Ready, opts.Fleet = http.HandlerFunc(h.writeMetrics), h.Engine.Ready, h.Engine
	faces := h.faces()
	h.server = server.New(faces, &opts)
	access := credentials.Full
	if opts.Credentials != nil {
		access = credentials.Function
	}
	h.doors, err = openDoors(faces[0], access,
		&server.Options{Logger: opts.Logger, Spans: opts.Spans, Beside: h.server, Fleet: h.Engine})
	if err == nil {
		h.doors.serve(h.Failed)
	}
	return err
}

// faces are those of the port, the Lambda API first.
func (h *Host) faces() []*route.Face {
	log, version := h.opts.Log, h.opts.Version
	faces := []*route.Face{
		lambdaapi.New(h.Engine, h.Engine.Functions(), &lambdaapi.Options{Logger: log, Strict: h.opts.Strict}),
		adminapi.New(h.Engine, h.Engine.Functions(), &adminapi.Options{
			Logger: log, Version: version, Workers: &h.workers, Sandboxes: h.sandboxes,
			Backups: &adminapi.Backups{Dir: h.Data,
				Make: func(ctx context.Context, dir string) (func(context.Context, io.Writer) error, error) {
					return h.data.copy(ctx, dir)
				}},
		}),
		page.New(h.Engine, h.Engine.Functions(), &page.Options{
			Logger: log, Version: version, Sandboxes: h.sandboxes, Decoder: h.opts.Decoder,
		}),
	}
	if h.opts.SAM {
		h.emulator = emulator.New(h.Engine, h.Engine.Functions(), h.data, &emulator.Options{
			Logger: log,
			Dial:   func(url string) (engine.Invoker, error) { return httpfunction.New(httpfunction.Config{URL: url}) },
		})
		faces = append(faces, h.emulator.Face())
	}
	return faces
}

// RecallEmulated goes on with executions that SAM started, if the host stands in for its emulator. Call it when the
// engine's own functions are registered.
func (h *Host) RecallEmulated(ctx context.Context) error {
	if h.emulator == nil {
		return nil
	}
	if err := h.emulator.Recall(ctx); err != nil {
		return h.Fault(err)
	}
	return nil
}
