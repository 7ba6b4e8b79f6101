// Command restate is the workload as a service of Restate. It listens on the address in its argument, and ends when
// its standard input is closed.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	restate "github.com/restatedev/sdk-go"
	"github.com/restatedev/sdk-go/server"

	"github.com/perdure/perdure/bench/peers/workload"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	service := restate.NewService(workload.Function).Handler("run", restate.NewServiceHandler(run))
	endpoint := server.NewRestate().WithLogger(slog.DiscardHandler, true).Bind(service)
	if err := endpoint.Start(ctx, os.Args[1]); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "restate service:", err)
		os.Exit(1)
	}
}

func run(ctx restate.Context, o workload.Order) (total int, err error) {
	for n := range o.Steps {
		r, err := restate.Run(ctx, func(restate.RunContext) (workload.Receipt, error) {
			return workload.Step(o, n), nil
		}, restate.WithName(fmt.Sprintf("step-%d", n)))
		if err != nil {
			return 0, err
		}
		total += r.Amount
	}
	var items []restate.Future
	for n := range o.Items {
		items = append(items, restate.RunAsync(ctx, func(restate.RunContext) (workload.Receipt, error) {
			return workload.Step(o, n), nil
		}, restate.WithName("step")))
	}
	for _, item := range items {
		r, err := item.(restate.RunAsyncFuture[workload.Receipt]).Result()
		if err != nil {
			return 0, err
		}
		total += r.Amount
	}
	return total, nil
}
