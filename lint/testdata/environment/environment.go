package environment

import (
	"context"
	"flag"
	"os"
	"runtime"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/price"
)

var table = os.Getenv("TABLE") // before durable.Start

func handler(ctx durable.Context, day time.Time) error {
	if os.Getenv("DRY_RUN") != "" { // want `environment: calls os.Getenv: a later run may find something else`
		return nil
	}
	_ = len(os.Args)         // want `uses os.Args`
	_, _ = os.Hostname()     // want `os.Hostname`
	_ = runtime.NumCPU()     // want `runtime.NumCPU`
	_ = day.Local()          // want `calls time.Time.Local`
	_ = day.In(time.Local)   // want `uses time.Local`
	_ = flag.Arg(0)          // want `flag.Arg`
	price.Region()           // want `calls price.Region, which calls os.Getenv at price.go`
	_, _ = os.LookupEnv("X") // want `os.LookupEnv`
	_ = day.UTC()
	_, err := durable.Step(ctx, "table", func(context.Context) (string, error) { return os.Getenv("X") + table, nil })
	return err
}

func main() {
	region := os.Getenv("REGION")
	flag.Parse()
	durable.Start(func(ctx durable.Context, in string) (string, error) { return region + table, nil })
}
