package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/emulator"
	"github.com/perdure/perdure/internal/function/httpfunction"
)

// dockerHost is the name by which containers know the machine that they are on.
const dockerHost = "host.docker.internal"

// openEmulator begins to stand in for SAM's emulator of durable functions, if
// that is wanted. The engine's own functions are registered by then.
func (l *local) openEmulator(ctx context.Context, log *slog.Logger) (err error) {
	if !l.sam {
		return nil
	}
	l.emulator, err = emulator.Open(ctx, l.engine, l.engine.Functions(), l.store, &emulator.Options{
		Logger: log,
		Dial: func(url string) (engine.Invoker, error) {
			return httpfunction.New(httpfunction.Config{URL: url})
		},
	})
	if err != nil {
		return dataFault(l.data, err)
	}
	return nil
}

// emulatorFace is the emulator's, which is opened before the port is served.
func (l *local) emulatorFace() http.Handler {
	if !l.sam {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.emulator.ServeHTTP(w, r) })
}
