package host

import (
	"context"
	"net"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/api/server"
)

// doors are a loopback port for the processes of functions. It has the Runtime API, and for each function a door to the
// Lambda API: they have no credentials of ours, and need not know our certificate. Package durable takes the one port
// for both as the sign that it speaks with this engine.
type doors struct {
	runtime  *runtimeapi.Server
	paths    *server.Doors
	listener net.Listener
	server   *server.Server
}

// openDoors makes doors that give access to the Lambda API. Of opts it takes Logger, Spans, Beside
// and Fleet.
func openDoors(lambda *route.Face, access credentials.Access, opts *server.Options) (*doors, error) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &doors{
		runtime: runtimeapi.New(l.Addr().String(), opts.Logger), paths: server.NewDoors(access), listener: l,
	}
	opts.Doors, opts.Runtime = d.paths, d.runtime
	opts.Limits = server.Limits{HeaderBytes: runtimeapi.MaxHeader, IdleTime: -1}
	d.server = server.New([]*route.Face{lambda}, opts)
	return d, nil
}

// endpointOf is the Lambda API's endpoint for the function called name.
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

func (d *doors) close(ctx context.Context) error {
	err := d.runtime.Close() // so that no process waits for an invocation
	d.listener.Close()       // the server may have done so already
	_ = d.server.Shutdown(ctx)
	return err
}
