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
	summary: "list functions with their versions, aliases and open executions; describe one",
	help: `
OPEN counts executions that have not ended, RUNNING the invocations under way of those
that may be at one time, with the number that waits for a place, and FAILED the
executions that failed or timed out in the last hour. A version that an alias leads
to only with a share of the starts is marked with that share. Of a FUNCTION that is
named, the settings of its versions follow, with their slowest operations, and with
what executions waited for. What is counted begins with the engine's process; of a
fleet it is what the node did that answers. With --json one JSON object for each
function.`,
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
	if len(args) > 0 {
		if all, err = described(ctx, r, all, args); err != nil {
			return err
		}
	}
	if v.json {
		for _, f := range all {
			if err := json.NewEncoder(std.out).Encode(f); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintf(std.err, "perdure: the engine has no functions\n")
		return nil
	}
	if err := writeFunctions(std, all); err != nil {
		return err
	}
	for _, f := range all {
		if err := writeDetails(std, f); err != nil {
			return err
		}
	}
	return nil
}

// described are the functions that are named, each with all that is known of it.
func described(
	ctx context.Context, r *remote, all []*adminapi.Function, names []string,
) (named []*adminapi.Function, err error) {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(f *adminapi.Function) bool { return f.FunctionName == name }) {
			return nil, cli.Faultf("there is no function %q", name).Hintf("%s shows all", cli.CommandLine("functions"))
		}
	}
	for _, f := range all {
		if !slices.Contains(names, f.FunctionName) {
			continue
		}
		if f, err = r.DescribeFunction(ctx, f.FunctionName); err != nil {
			return nil, r.fault(ctx, err)
		}
		named = append(named, f)
	}
	return named, nil
}

func writeFunctions(std *stdio, all []*adminapi.Function) error {
	table := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "FUNCTION\tVERSION\tALIASES\tOPEN\tRUNNING\tFAILED\tCODE\tSINCE\tSTATE")
	var notes []string
	for _, f := range all {
		name := f.FunctionName
		for _, x := range f.Versions {
			since := ""
			if x.LastModified != 0 {
				since = text.Duration(time.Since(protocol.Timestamp(x.LastModified).Time())) + " ago"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", name, x.Version, aliasesTo(f, x.Version),
				x.OpenExecutions, loadText(x), failedText(x), megabytes(x.CodeSize), since,
				strings.ToLower(string(x.State)))
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

// loadText is what a version has to do, such as 2/100 +40: of 100 places 2 are taken, and 40 wait for one.
func loadText(v *adminapi.Version) string {
	if v.Load == nil {
		return ""
	}
	s := fmt.Sprintf("%d/%d", v.Load.Running, v.Load.Allowed)
	if v.Load.Waiting > 0 {
		s += fmt.Sprintf(" +%d", v.Load.Waiting)
	}
	return s
}

func failedText(v *adminapi.Version) string {
	if v.LastHour == nil {
		return ""
	}
	return fmt.Sprint(v.LastHour.Unsuccessful())
}

// aliasesTo returns the aliases that lead to a version, with their share if that is not all.
func aliasesTo(f *adminapi.Function, version string) string {
	var names []string
	for _, a := range f.AliasesTo(version) {
		names = append(names, a.String())
	}
	return strings.Join(names, " ")
}

// writeDetails writes what a described function has beside what is in the list.
func writeDetails(std *stdio, f *adminapi.Function) error {
	for _, v := range f.Versions {
		if v.Settings == nil && v.Figures == nil {
			continue
		}
		fmt.Fprintf(std.out, "\n%s:%s\n", f.FunctionName, v.Version)
		if v.Settings != nil {
			writeSettings(std, v)
		}
		if v.Figures != nil {
			if err := writeFigures(std, v.Figures); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeSettings(std *stdio, v *adminapi.Version) {
	s := v.Settings
	said := func(what, value string) {
		if value != "" {
			fmt.Fprintf(std.out, "  %-12s %s\n", what, cli.Printable(value))
		}
	}
	said("runtime", strings.TrimSpace(v.Runtime+" "+s.Handler))
	said("timeout", text.Duration(seconds(s.TimeoutSeconds))+" for an invocation")
	if s.ExecutionTimeoutSeconds > 0 {
		said("executions", fmt.Sprintf("at most %s, kept for %d days",
			text.Duration(seconds(s.ExecutionTimeoutSeconds)), s.RetentionDays))
	}
	if s.MemoryMB > 0 {
		said("memory", fmt.Sprintf("%d MB", s.MemoryMB))
	}
	said("concurrency", fmt.Sprint(s.Concurrency))
	if h := v.LastHour; h != nil && h.ColdStarts.Count > 0 {
		said("cold starts", fmt.Sprintf("%d of %d invocations in the last hour, %s each on average", h.ColdStarts.Count,
			h.Invocations, text.Elapsed(seconds(h.ColdStarts.MeanSeconds))))
	}
	said("environment", strings.Join(s.Environment, " "))
}

// mostOperations is how many operations are shown of a version.
const mostOperations = 20

func writeFigures(std *stdio, f *adminapi.Figures) error {
	table := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	if len(f.Operations) > 0 {
		fmt.Fprintln(table, "\n  OPERATION\tKIND\tENDED\tFAILED\tRETRIES\tMEAN\tP95\tMAX\tTOTAL")
	}
	for _, o := range f.Operations[:min(len(f.Operations), mostOperations)] {
		name := cli.Printable(o.Name)
		switch {
		case o.Others:
			name = "(all others)"
		case name == "":
			name = "(no name)"
		}
		fmt.Fprintf(table, "  %s\t%s\t%d\t%d\t%d\t%s\n", name,
			strings.ReplaceAll(strings.ToLower(string(o.Type)), "_", " "), o.Ended, o.Failed, o.Retries,
			timesText(o.Times, o.TotalSeconds))
	}
	if len(f.Waits) > 0 {
		fmt.Fprintln(table, "\n  WAITED FOR\t\tTIMES\t\t\tMEAN\tP95\tMAX\tTOTAL")
	}
	for _, w := range f.Waits {
		fmt.Fprintf(table, "  %s\t\t%d\t\t\t%s\n", adminapi.WaitWords[w.For], w.Times.Count,
			timesText(w.Times, w.TotalSeconds))
	}
	return table.Flush()
}

func timesText(t adminapi.Times, total float64) string {
	return strings.Join([]string{text.Elapsed(seconds(t.MeanSeconds)), text.Elapsed(seconds(t.P95Seconds)),
		text.Elapsed(seconds(t.MaxSeconds)), text.Elapsed(seconds(total))}, "\t")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
