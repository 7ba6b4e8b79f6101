package host

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/emulator"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/function/httpfunction"
)

// dockerHost is the name of this machine inside of containers.
const dockerHost = "host.docker.internal"

// openServer makes the server of the port, and that of the doors if functions cannot use the port: they have no
// credentials of ours, and need not know our certificate.
func (h *Host) openServer() (err error) {
	opts := h.opts.Server
	opts.Logger = h.opts.Log
	if h.opts.SAM {
		opts.Hosts = append(opts.Hosts[:len(opts.Hosts):len(opts.Hosts)], dockerHost)
	}
	if h.traces != nil {
		opts.Spans = h.traces
	}
	opts.Metrics, opts.Ready = http.HandlerFunc(h.writeMetrics), h.Engine.Ready
	faces := h.faces()
	h.server = server.New(faces, &opts)
	if opts.Credentials != nil || opts.Certificate != nil {
		h.doors, err = openDoors(faces[0], h.opts.Log, opts.Spans)
	}
	return err
}

// faces are those of the port, the Lambda API first.
func (h *Host) faces() []*route.Face {
	log, version := h.opts.Log, h.opts.Version
	faces := []*route.Face{
		lambdaapi.New(h.Engine, h.Engine.Functions(), &lambdaapi.Options{Logger: log, Strict: h.opts.Strict}),
		adminapi.New(h.Engine, h.Engine.Functions(), &adminapi.Options{
			Logger: log, Version: version, Workers: &h.workers,
			Backups: &adminapi.Backups{Dir: h.Data,
				Make: func(ctx context.Context, dir string) (func(context.Context, io.Writer) error, error) {
					return copyData(ctx, h.store, h.versions.Store, dir)
				}},
		}),
		page.New(h.Engine, h.Engine.Functions(), &page.Options{Logger: log, Version: version}),
	}
	if h.opts.SAM {
		h.emulator = emulator.New(h.Engine, h.Engine.Functions(), h.store, &emulator.Options{
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
		return dataError(h.Data, err)
	}
	return nil
}

// endpointOf is the Lambda API's endpoint for the function called name.
func (h *Host) endpointOf(name string) string {
	if h.doors == nil {
		return h.URL
	}
	return h.doors.endpointOf(name)
}

// doors let functions in to an engine that asks for credentials: a loopback port, on which each function has a path
// of its own.
type doors struct {
	paths    *server.Doors
	listener net.Listener
	server   *server.Server
}

// openDoors makes doors to the Lambda API. Spans of requests go to spans, if that is not nil.
func openDoors(lambda *route.Face, log *slog.Logger, spans server.Spans) (*doors, error) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &doors{paths: server.NewDoors(), listener: l}
	d.server = server.New([]*route.Face{lambda}, &server.Options{Logger: log, Spans: spans, Doors: d.paths})
	return d, nil
}

func (d *doors) endpointOf(name string) string {
	return urlOf(d.listener.Addr(), false) + d.paths.Path(name)
}

// serve begins to let functions in, and tells failed if the server ends by itself.
func (d *doors) serve(failed chan<- error) {
	go func() {
		if err := d.server.Serve(d.listener); err != nil {
			failed <- err
		}
	}()
}

func (d *doors) close(ctx context.Context) {
	d.listener.Close() // the server may have done so already
	_ = d.server.Shutdown(ctx)
}
