package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/vetting"
	"github.com/perdure/perdure/lint"
)

var lintCommand = &command{
	name:    "lint",
	args:    "[PACKAGE…]",
	summary: "find code of durable functions that breaks when it runs again",
	help: `
Looks at Go packages, ./... if none is named, for workflow code that does something
else when it runs again: that reads the clock, draws random numbers, calls the outside
without a step, and so on; --rules lists all rules. Findings go to stdout, one line for
each, and the exit status is 1 then; it is 3 if a package cannot be loaded.

A finding is suppressed by a comment on its line, or alone on the line above it:
//perdure:ignore and the reason, or //perdure:ignore RULE: and the reason.

With --write-types it writes the types of recorded results and inputs to the file
perdure_types.go of each package, with every release. From then on the rule typechange
finds what executions that are open could not be read with.`,
	verb: func() verb { return &lintVerb{} },
}

type lintVerb struct {
	json, rules bool
	opts        vetting.Options
}

func (v *lintVerb) define(fs *flag.FlagSet) {
	fs.BoolVar(&v.opts.Fix, "fix", false, "apply the fixes that there are; what remains is shown")
	fs.BoolVar(&v.json, "json", false, "print a JSON object for each finding")
	fs.BoolVar(&v.rules, "rules", false, "print what each rule looks for, and look at nothing")
	fs.BoolVar(&v.opts.WriteTypes, "write-types", false,
		"write the types that are recorded to perdure_types.go in each package")
	fs.StringVar(&v.opts.Tags, "tags", "", "build `TAGS`, separated by commas")
}

func (v *lintVerb) run(ctx context.Context, std *stdio, args []string) error {
	if v.rules {
		return v.describe(std)
	}
	v.opts.Packages = args
	found, err := vetting.Run(ctx, v.opts)
	if load, ok := errors.AsType[*vetting.LoadError](err); ok {
		p := cli.Faultf("%v", err)
		p.Output = strings.Split(load.Output, "\n")
		return p
	}
	if err != nil {
		return interruptedOr(ctx, err)
	}
	if err := v.tell(std, found); err != nil {
		return err
	}
	if n := len(found); n > 0 {
		return lintProblem(found)
	}
	return nil
}

func lintProblem(found []vetting.Finding) error {
	p := &cli.Problem{Status: cli.StatusFailed, Message: fmt.Sprintf("%d findings", len(found))}
	if len(found) == 1 {
		p.Message = "1 finding"
	}
	for _, f := range found {
		if f.Fixable {
			return p.Hintf("perdure lint --fix applies the fixes that there are")
		}
	}
	return p
}

// tell prints findings.
func (v *lintVerb) tell(std *stdio, found []vetting.Finding) error {
	if v.json {
		enc := json.NewEncoder(std.out)
		for _, f := range found {
			if err := enc.Encode(map[string]any{"Finding": f}); err != nil {
				return err
			}
		}
		return enc.Encode(map[string]any{"Summary": map[string]int{"Findings": len(found)}})
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	for _, f := range found {
		fmt.Fprintf(std.out, "%s: %s: %s\n", cli.Printable(f.Place(dir)), f.Rule, cli.Printable(f.Message))
	}
	return nil
}

// describe prints the rules.
func (v *lintVerb) describe(std *stdio) error {
	for _, a := range lint.Analyzers() {
		summary, _, _ := strings.Cut(a.Doc, "\n")
		if v.json {
			if err := json.NewEncoder(std.out).Encode(map[string]string{"Rule": a.Name, "Doc": a.Doc}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(std.out, "%-13s %s\n", a.Name, summary)
	}
	return nil
}
