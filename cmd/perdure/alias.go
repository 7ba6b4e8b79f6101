package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/protocol"
)

var aliasCommand = &command{
	name:    "alias",
	args:    "FUNCTION [NAME=VERSION[,VERSION:PERCENT]]…",
	summary: "show, move and delete a function's aliases",
	help: `
An alias is a name for a version that can be moved: start executions as
order:live, and decide with "perdure alias order live=4" what that is. Executions
that have started stay on the version that the alias had.

  perdure alias order                   list the aliases
  perdure alias order live=4            move live to version 4, or make it
  perdure alias order live=4,5:10%      and send one start of ten to version 5
  perdure alias order live=latest       follow the newest code
  perdure alias order --delete live     delete it`,
	verb: func() verb { return &aliasVerb{} },
}

type aliasVerb struct {
	remoteFlags
	remove names
}

func (v *aliasVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.Var(&v.remove, "delete", "delete the alias `NAME`; may be repeated")
}

// names is a repeatable flag.
type names []string

// String implements [flag.Value].
func (n *names) String() string { return strings.Join(*n, " ") }

// Set implements [flag.Value].
func (n *names) Set(s string) error {
	*n = append(*n, s)
	return nil
}

func (v *aliasVerb) run(ctx context.Context, std *stdio, args []string) error {
	if len(args) == 0 {
		return exactly(args, "alias", "a function")
	}
	function := args[0]
	var targets []aliasTarget
	for _, word := range args[1:] {
		t, err := parseAliasTarget(function, word)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	for _, name := range v.remove {
		if err := r.deleteAlias(ctx, function, name); err != nil {
			return err
		}
		fmt.Fprintf(std.err, "perdure: %s is deleted\n", name)
	}
	for _, t := range targets {
		was, now, err := r.pointAlias(ctx, t)
		if err != nil {
			return err
		}
		if v.json {
			err = printJSON(std.out, now.JSON)
		} else {
			tellAlias(std.out, "", t.alias, t.leads(), was)
		}
		if err != nil {
			return err
		}
	}
	if len(targets)+len(v.remove) > 0 {
		return nil
	}
	return v.list(ctx, std, r, function)
}

// aliasTarget is the versions that an alias leads to.
type aliasTarget struct {
	function, alias, version string
	weights                  map[string]float64 // of one other version
}

var (
	validAlias = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	number     = regexp.MustCompile(`^[0-9]+$`)
)

// parseAliasTarget reads NAME=VERSION[,VERSION:PERCENT].
func parseAliasTarget(function, word string) (t aliasTarget, err error) {
	name, versions, ok := strings.Cut(word, "=")
	if !ok || versions == "" {
		return t, cli.Usagef("%q is not NAME=VERSION", word).Hintf("%s", cli.CommandLine("help", "alias"))
	}
	if err := checkAlias(name); err != nil {
		return t, err
	}
	first, second, weighted := strings.Cut(versions, ",")
	t = aliasTarget{function: function, alias: name}
	if t.version, err = parseVersion(first); err != nil || !weighted {
		return t, err
	}
	other, share, _ := strings.Cut(second, ":")
	if other, err = parseVersion(other); err != nil {
		return t, err
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(share, "%"), 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		return t, cli.Usagef("%q is not VERSION:PERCENT", second).Hintf("to send one start of ten to version 5: 5:10%%")
	}
	t.weights = map[string]float64{other: percent / 100}
	return t, nil
}

// parseVersion reads a number, or latest.
func parseVersion(s string) (string, error) {
	if number.MatchString(s) {
		return s, nil
	}
	if strings.EqualFold(strings.TrimPrefix(s, "$"), "latest") {
		return protocol.LatestVersion, nil
	}
	return "", cli.Usagef("%q is not a version", s).Hintf("a version is a number, or latest")
}

func (t *aliasTarget) leads() string { return aliasLeads(t.version, t.weights) }

func aliasLeads(version string, weights map[string]float64) string {
	text := version
	for other, share := range weights {
		text += fmt.Sprintf(", %g%% to %s", share*100, other)
	}
	return text
}

// tellAlias says where an alias leads now; was is where it led before, empty if it is new.
func tellAlias(w io.Writer, prefix, alias, leads, was string) {
	switch was {
	case "":
		was = "new"
	case leads:
		was = "as before"
	default:
		was = "before: " + was
	}
	fmt.Fprintf(w, "%s%s → %s (%s)\n", prefix, alias, leads, was)
}

// pointAlias changes an alias, and returns where it led before.
func (r *remote) pointAlias(ctx context.Context, t aliasTarget) (was string, now *client.Alias, err error) {
	to := &client.Alias{Name: t.alias, FunctionVersion: t.version,
		RoutingConfig: &client.Routing{AdditionalVersionWeights: t.weights}}
	existing, err := r.Alias(ctx, t.function, t.alias)
	if protocol.HasCode(err, protocol.CodeNotFound) {
		now, err := r.CreateAlias(ctx, t.function, to)
		return "", now, r.fault(ctx, err)
	}
	if err != nil {
		return "", nil, r.fault(ctx, err)
	}
	to.RevisionID = existing.RevisionID
	now, err = r.UpdateAlias(ctx, t.function, to)
	return aliasLeads(existing.FunctionVersion, existing.Weights()), now, r.fault(ctx, err)
}

// deleteAlias deletes an alias that exists.
func (r *remote) deleteAlias(ctx context.Context, function, name string) error {
	_, err := r.Alias(ctx, function, name)
	if err == nil {
		err = r.DeleteAlias(ctx, function, name)
	}
	return r.fault(ctx, err)
}

func (v *aliasVerb) list(ctx context.Context, std *stdio, r *remote, function string) error {
	table := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	if !v.json {
		fmt.Fprintln(table, "ALIAS\tLEADS TO")
	}
	for a, err := range r.Aliases(ctx, function) {
		if err != nil {
			return r.fault(ctx, err)
		}
		if v.json {
			if err := printJSON(std.out, a.JSON); err != nil {
				return err
			}
			continue
		}
		leads := aliasLeads(a.FunctionVersion, a.Weights())
		if a.Description != "" {
			leads += "\t" + cli.Printable(a.Description)
		}
		fmt.Fprintf(table, "%s\t%s\n", a.Name, leads)
	}
	return table.Flush()
}
