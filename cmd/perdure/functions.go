package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

var functionsCommand = &command{
	name:    "functions",
	args:    "[FUNCTION]…",
	summary: "list functions with their versions, aliases and open executions",
	help: `
OPEN counts executions that have not ended. A version that an alias leads to
only with a share of the starts is marked with that share. With --json one JSON
object for each function.`,
	verb: func() verb { return &functionsVerb{} },
}

type functionsVerb struct{ remoteFlags }

func (v *functionsVerb) define(fs *flag.FlagSet) { v.remoteFlags.define(fs) }

func (v *functionsVerb) run(ctx context.Context, std *stdio, args []string) error {
	r, err := v.dial()
	if err != nil {
		return err
	}
	all, err := r.Functions(ctx)
	if err != nil {
		return r.fault(ctx, err)
	}
	for _, name := range args {
		if !slices.ContainsFunc(all, func(f adminapi.Function) bool { return f.FunctionName == name }) {
			return cli.Faultf("there is no function %q", name).Hintf("%s shows all", cli.CommandLine("functions"))
		}
	}
	if len(args) > 0 {
		all = slices.DeleteFunc(all, func(f adminapi.Function) bool { return !slices.Contains(args, f.FunctionName) })
	}
	if v.json {
		for i := range all {
			if err := json.NewEncoder(std.out).Encode(&all[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintf(std.err, "perdure: the engine has no functions\n")
		return nil
	}
	return writeFunctions(std, all)
}

func writeFunctions(std *stdio, all []adminapi.Function) error {
	table := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "FUNCTION\tVERSION\tALIASES\tOPEN\tCODE\tSINCE\tSTATE")
	var notes []string
	for i := range all {
		f := &all[i]
		name := f.FunctionName
		for j := range f.Versions {
			x := &f.Versions[j]
			since := ""
			if x.LastModified != 0 {
				since = text.Duration(time.Since(protocol.Timestamp(x.LastModified).Time())) + " ago"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", name, x.Version,
				strings.Join(aliasesTo(f, x.Version), " "),
				x.OpenExecutions, megabytes(x.CodeSize), since, strings.ToLower(string(x.State)))
			if x.State != engine.StateActive {
				notes = append(notes, fmt.Sprintf("%s:%s: %s", f.FunctionName, x.Version, cli.Printable(x.StateReason)))
			}
			name = ""
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, note := range notes {
		fmt.Fprintln(std.err, "perdure: "+note)
	}
	return nil
}

// aliasesTo returns the aliases that lead to a version, with their share if that is not all.
func aliasesTo(f *adminapi.Function, version string) (names []string) {
	for _, a := range f.Aliases {
		share, rest := 0.0, 1.0
		for other, weight := range a.AdditionalVersionWeights {
			rest -= weight
			if other == version {
				share = weight
			}
		}
		if a.FunctionVersion == version {
			share = rest
		}
		switch {
		case share >= 1:
			names = append(names, a.Name)
		case share > 0 || a.FunctionVersion == version:
			names = append(names, fmt.Sprintf("%s:%.3g%%", a.Name, share*100))
		}
	}
	return names
}
