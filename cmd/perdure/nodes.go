package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

var nodesCommand = &command{
	name:    "nodes",
	summary: "list the engines that serve from one PostgreSQL",
	help: `
LEASE is after how long the others take a node for dead that gives no sign of life.
OWNS counts the executions that a node works on. CLOCK is how far its clock is
behind (-) or ahead of (+) the database's, by which all of them go. After each
function stands how many of its invocations the node may have at one time: its
share of the function's concurrency. Nodes that died are listed for an hour. With
--json one JSON object for each node.`,
	verb: func() verb { return &nodesVerb{} },
}

type nodesVerb struct{ remoteFlags }

func (v *nodesVerb) define(fs *flag.FlagSet) { v.remoteFlags.define(fs) }

func (v *nodesVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "nodes"); err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	nodes, err := r.Nodes(ctx)
	if err != nil {
		return r.fault(ctx, err)
	}
	if v.json {
		for i := range nodes {
			if err := json.NewEncoder(std.out).Encode(&nodes[i]); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "NODE\tSTATE\tVERSION\tJOINED\tLEASE\tOWNS\tCLOCK\tFUNCTIONS")
	for i := range nodes {
		writeNode(table, &nodes[i], databaseTime(nodes))
	}
	return table.Flush()
}

// databaseTime is the time by which the nodes go: ours, as far as the engine that answers has the same clock.
func databaseTime(nodes []adminapi.Node) time.Time {
	now := time.Now()
	for _, n := range nodes {
		if n.Self {
			now = now.Add(time.Duration(n.LagSeconds * float64(time.Second)))
		}
	}
	return now
}

func writeNode(table *tabwriter.Writer, n *adminapi.Node, now time.Time) {
	name := cmp.Or(n.Name, n.URL, n.ID, "this one")
	if n.URL != "" && n.Name != "" {
		name += " " + n.URL
	}
	if n.Self {
		name += " *"
	}
	var functions []string
	for _, f := range n.Functions {
		functions = append(functions, fmt.Sprintf("%s:%s×%d", f.FunctionName, f.Version, f.Concurrency))
	}
	fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", cli.Printable(name), n.State, cli.Printable(n.Version),
		since(n.Joined, now), leaseLeft(n, now), n.Owns, clockText(n.LagSeconds),
		cli.Printable(strings.Join(functions, " ")))
}

func since(at protocol.Seconds, now time.Time) string {
	if at == 0 {
		return ""
	}
	return text.Duration(max(0, now.Sub(protocol.Timestamp(at).Time()))) + " ago"
}

func leaseLeft(n *adminapi.Node, now time.Time) string {
	if n.Until == 0 {
		return "none needed"
	}
	if left := protocol.Timestamp(n.Until).Time().Sub(now); left > 0 {
		return text.Duration(left)
	}
	return "over"
}

// clockText is how far a clock is off, to the hundredth of a second.
func clockText(lagSeconds float64) string {
	return fmt.Sprintf("%+.2fs", -lagSeconds)
}
