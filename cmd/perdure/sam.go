package main

import (
	"context"
	"log/slog"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/emulator"
	"github.com/perdure/perdure/internal/function/httpfunction"
)

// dockerHost is the name by which containers know the machine that they are on.
const dockerHost = "host.docker.internal"

// newEmulator stands in for SAM's emulator of durable functions, if that is
// wanted. It is opened once the engine's own functions are registered.
func (l *local) newEmulator(log *slog.Logger) {
	if l.sam {
		l.emulator = emulator.New(l.engine, l.engine.Functions(), l.store, &emulator.Options{
			Logger: log,
			Dial: func(url string) (engine.Invoker, error) {
				return httpfunction.New(httpfunction.Config{URL: url})
			},
		})
	}
}

func (l *local) openEmulator(ctx context.Context) error {
	if l.emulator == nil {
		return nil
	}
	if err := l.emulator.Recall(ctx); err != nil {
		return dataFault(l.data, err)
	}
	return nil
}
