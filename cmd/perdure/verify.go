package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/host"
)

var verifyCommand = &command{
	name:    "verify",
	args:    "[--data DIR | --store URL]",
	summary: "check that everything stored can be read and is in order",
	help: `
Reads all journals, folds them anew, and compares what comes of it with what is
searched for, looks at the sums of all that is stored, and reads the code of
published versions. A serving engine goes on meanwhile; with --data the directory is
read, of an engine that does not run, and with --store one moment of a PostgreSQL,
whose engines may run. What is wrong goes to stdout, one line for each problem, and
the exit status is 1 then.`,
	verb: func() verb { return &verifyVerb{} },
}

type verifyVerb struct {
	remoteFlags
	storageFlags
}

func (v *verifyVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	v.storageFlags.define(fs, "`DIR` that holds the data of an engine that does not run")
}

func (v *verifyVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "verify"); err != nil {
		return err
	}
	found := func(p engine.Problem) { v.tell(std, p) }
	summary, err := v.verify(ctx, std, found)
	if err != nil {
		return err
	}
	if v.json {
		if err := json.NewEncoder(std.out).Encode(map[string]any{"Summary": summary}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(std.err, "perdure: %d executions, %d of them open, %d entries, %d events\n", summary.Executions,
			summary.Open, summary.Entries, summary.Events)
	}
	if summary.Problems > 0 {
		return &cli.Problem{Status: cli.StatusFailed, Message: fmt.Sprintf("%d problems were found", summary.Problems)}
	}
	return nil
}

func (v *verifyVerb) tell(std *stdio, p engine.Problem) {
	if v.json {
		_ = json.NewEncoder(std.out).Encode(map[string]any{"Problem": p})
		return
	}
	if p.Execution != "" {
		fmt.Fprintf(std.out, "%s: ", cli.Printable(p.Execution))
	}
	fmt.Fprintln(std.out, cli.Printable(p.Text))
}

// verify checks a serving engine's store, or the one that was named.
func (v *verifyVerb) verify(
	ctx context.Context, std *stdio, found func(engine.Problem),
) (*engine.VerifySummary, error) {
	if !v.named() {
		r, err := v.dial()
		if err != nil {
			return nil, err
		}
		summary, err := r.Verify(ctx, found)
		return summary, r.fault(ctx, err)
	}
	at, err := v.storage(std)
	if err != nil {
		return nil, err
	}
	summary, err := host.Verify(ctx, at, found)
	if err != nil {
		return nil, interruptedOr(ctx, err)
	}
	return &summary, nil
}
