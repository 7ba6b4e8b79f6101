// Command dbos is the workload as a workflow of DBOS, and the agent of its clients: DBOS is a library, which runs
// workflows where they are started. Its argument is the address of the database.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	_ "github.com/dbos-inc/dbos-transact-golang/dbos/driver/sqlite"

	"github.com/perdure/perdure/bench/peers/load"
	"github.com/perdure/perdure/bench/peers/workload"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "dbos:", err)
		os.Exit(1)
	}
}

func serve(database string) error {
	ctx, err := dbos.NewContext(context.Background(), dbos.Config{
		AppName: "peers", DatabaseURL: database, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	dbos.RegisterWorkflow(ctx, run)
	if err := dbos.Launch(ctx); err != nil {
		return err
	}
	defer dbos.Shutdown(ctx, 5*time.Second)
	return load.Serve(load.Hello{}, func(_ context.Context, b load.Burst) error {
		handle, err := dbos.RunWorkflow(ctx, run, b.Order)
		if err != nil {
			return err
		}
		total, err := handle.GetResult(dbos.WithHandleTimeout(b.Time + time.Minute))
		if err == nil && total != b.Order.Total() {
			err = fmt.Errorf("the result is %d, not %d", total, b.Order.Total())
		}
		return err
	})
}

func run(ctx dbos.Context, o workload.Order) (total int, err error) {
	for n := range o.Steps {
		r, err := dbos.RunAsStep(ctx, func(context.Context) (workload.Receipt, error) {
			return workload.Step(o, n), nil
		}, dbos.WithStepName(fmt.Sprintf("step-%d", n)))
		if err != nil {
			return 0, err
		}
		total += r.Amount
	}
	var items []<-chan dbos.StepOutcome[workload.Receipt]
	for n := range o.Items {
		item, err := dbos.Go(ctx, func(context.Context) (workload.Receipt, error) {
			return workload.Step(o, n), nil
		}, dbos.WithStepName("step"))
		if err != nil {
			return 0, err
		}
		items = append(items, item)
	}
	for _, item := range items {
		outcome := <-item
		if outcome.Err != nil {
			return 0, outcome.Err
		}
		total += outcome.Result.Amount
	}
	return total, nil
}
