package output

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/price"
)

func handler(ctx durable.Context, in string) error {
	fmt.Println("order " + in)   // want `output: calls fmt.Println: each run writes it again; use ctx.Logger`
	fmt.Printf("%s\n", in)       // want `fmt.Printf`
	log.Print(in)                // want `log.Print`
	slog.Info("order", "id", in) // want `slog.Info`
	slog.Default().Info("order") // want `slog.Default`
	fmt.Fprintln(os.Stderr, in)  // want `uses os.Stderr`
	println(in)                  // want `println`
	price.Print(in)              // want `calls price.Print, which calls fmt.Println`
	_ = fmt.Sprintf("%s", in)
	ctx.Logger().Info("order", "id", in)
	durable.Logger(ctx).Info("order")
	if !durable.IsReplaying(ctx) {
		fmt.Println("once")
	}
	_, err := durable.Step(ctx, "print", func(context.Context) (bool, error) { fmt.Println(in); return true, nil })
	return err
}

func plain() { fmt.Println("plain") }
