package main

import (
	"context"
	"log/slog"
	"net"

	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/server"
)

// doors are how the functions of an engine come in that lets others in by
// credentials only: a loopback port, on which each has a path of its own.
type doors struct {
	*server.Doors
	url      string
	listener net.Listener
	server   *server.Server
}

// openDoors makes doors to the Lambda API. Spans takes those of requests, if it
// is not nil.
func openDoors(lambda *route.Face, log *slog.Logger, spans server.Spans) (*doors, error) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &doors{Doors: server.NewDoors(), url: "http://" + l.Addr().String(), listener: l}
	d.server = server.New([]*route.Face{lambda}, &server.Options{Logger: log, Spans: spans, Doors: d.Doors})
	return d, nil
}

// serve begins to let functions in, and says on failed why it ends by itself.
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
