package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
)

var importCommand = &command{
	name:    "import",
	args:    "FILE [--fork [--name NAME] [--version VERSION]]",
	summary: "take in an execution that was exported",
	help: `
The execution keeps its ARN, name and history; it must have ended. With --fork a
new execution is started that has all that happened to the exported one, which
may be open, and goes on from there. - reads stdin. A file that is damaged, and
an execution that is here already, is refused.`,
	verb: func() verb { return &importVerb{} },
}

type importVerb struct {
	remoteFlags
	how adminapi.Import
}

func (v *importVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.BoolVar(&v.how.Fork, "fork", false, "start a new execution that goes on from where the exported one was")
	fs.StringVar(&v.how.Name, "name", "", "`NAME` of the new execution; the default is that of the exported one with "+
		"a number behind it")
	fs.StringVar(&v.how.Qualifier, "version", "", "`VERSION` or alias of the function that runs the new execution")
}

func (v *importVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "import", "a file"); err != nil {
		return err
	}
	if !v.how.Fork && v.how.Name+v.how.Qualifier != "" {
		return cli.Usagef("--name and --version are for --fork: what is imported keeps its own")
	}
	file := io.Reader(std.in)
	if args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return cli.Usagef("cannot read the exported execution: %v", err)
		}
		defer f.Close()
		file = f
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	taken, err := r.Import(ctx, file, &v.how)
	if err != nil {
		return r.fault(ctx, err)
	}
	if v.json {
		return json.NewEncoder(std.out).Encode(taken)
	}
	_, err = fmt.Fprintf(std.out, "%s\t%s\n", taken.DurableExecutionName, taken.DurableExecutionArn)
	return err
}
