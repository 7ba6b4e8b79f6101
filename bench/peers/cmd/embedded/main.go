// Command embedded is the workload in a program that embeds Perdure, with its clients, and with the API over HTTP for
// clients elsewhere. Its argument is the data directory, or the address of a PostgreSQL.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/perdure/perdure"
	"github.com/perdure/perdure/bench/peers/handler"
	"github.com/perdure/perdure/bench/peers/load"
	"github.com/perdure/perdure/bench/peers/workload"
	"github.com/perdure/perdure/engine/postgres"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "embedded:", err)
		os.Exit(1)
	}
}

func serve(place string) error {
	ctx := context.Background()
	opts := &perdure.Options{Logger: slog.New(slog.DiscardHandler)}
	if strings.HasPrefix(place, "postgres:") {
		st, err := postgres.Open(ctx, place, nil)
		if err != nil {
			return err
		}
		opts.Store, place = st, ""
	}
	p, err := perdure.Open(ctx, place, opts)
	if err != nil {
		return err
	}
	defer p.Close(ctx)
	if err := perdure.Handle(p, workload.Function, handler.Handle, perdure.ExecutionTimeout(time.Hour)); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	go http.Serve(listener, p.Handler())
	hello := load.Hello{URL: "http://" + listener.Addr().String()}
	return load.Serve(hello, func(ctx context.Context, b load.Burst) error {
		x, err := perdure.Start(ctx, p, workload.Function, b.Order)
		if err != nil || b.Start {
			return err
		}
		total, err := perdure.Wait[int](ctx, p, x.ARN)
		if err == nil && total != b.Order.Total() {
			err = fmt.Errorf("the result is %d, not %d", total, b.Order.Total())
		}
		return err
	})
}
