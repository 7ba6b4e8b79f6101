package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/perdure/perdure/internal/cli"
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
	remove aliasNames
}

func (v *aliasVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.Var(&v.remove, "delete", "delete the alias `NAME`; may be repeated")
}

// aliasNames is a repeatable flag.
type aliasNames []string

// String implements [flag.Value].
func (n *aliasNames) String() string { return strings.Join(*n, " ") }

// Set implements [flag.Value].
func (n *aliasNames) Set(s string) error {
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
		was, err := r.pointAlias(ctx, t)
		if err != nil {
			return err
		}
		if v.json {
			err = printJSON(std.out, r.http.body)
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

// aliasTarget is where an alias is to lead.
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

// leads says where an alias leads.
func (t *aliasTarget) leads() string { return aliasLeads(t.version, t.weights) }

func aliasLeads(version string, weights map[string]float64) string {
	text := version
	for other, share := range weights {
		text += fmt.Sprintf(", %g%% to %s", share*100, other)
	}
	return text
}

// tellAlias says where an alias leads now; was is where it did, empty if it is
// new.
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

// pointAlias makes an alias lead somewhere, and returns where it did before.
func (r *remote) pointAlias(ctx context.Context, t aliasTarget) (was string, err error) {
	routing := &types.AliasRoutingConfiguration{AdditionalVersionWeights: t.weights}
	existing, err := r.api.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &t.function, Name: &t.alias})
	if _, unknown := errors.AsType[*types.ResourceNotFoundException](err); unknown {
		_, err := r.api.CreateAlias(ctx, &lambda.CreateAliasInput{
			FunctionName: &t.function, Name: &t.alias, FunctionVersion: &t.version, RoutingConfig: routing,
		})
		return "", r.fault(ctx, err)
	}
	if err != nil {
		return "", r.fault(ctx, err)
	}
	_, err = r.api.UpdateAlias(ctx, &lambda.UpdateAliasInput{
		FunctionName: &t.function, Name: &t.alias, FunctionVersion: &t.version, RoutingConfig: routing, RevisionId: existing.RevisionId,
	})
	return aliasLeads(aws.ToString(existing.FunctionVersion), weightsOf(existing.RoutingConfig)), r.fault(ctx, err)
}

func weightsOf(c *types.AliasRoutingConfiguration) map[string]float64 {
	if c == nil {
		return nil
	}
	return c.AdditionalVersionWeights
}

// deleteAlias deletes an alias that exists.
func (r *remote) deleteAlias(ctx context.Context, function, name string) error {
	_, err := r.api.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &function, Name: &name})
	if err == nil {
		_, err = r.api.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: &function, Name: &name})
	}
	return r.fault(ctx, err)
}

func (v *aliasVerb) list(ctx context.Context, std *stdio, r *remote, function string) error {
	table := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	if !v.json {
		fmt.Fprintln(table, "ALIAS\tLEADS TO")
	}
	var marker *string
	for {
		out, err := r.api.ListAliases(ctx, &lambda.ListAliasesInput{FunctionName: &function, Marker: marker})
		if err != nil {
			return r.fault(ctx, err)
		}
		if v.json {
			if err := printAliases(std.out, r.http.body); err != nil {
				return err
			}
		}
		for _, a := range out.Aliases {
			if !v.json {
				leads := aliasLeads(aws.ToString(a.FunctionVersion), weightsOf(a.RoutingConfig))
				if text := aws.ToString(a.Description); text != "" {
					leads += "\t" + cli.Printable(text)
				}
				fmt.Fprintf(table, "%s\t%s\n", aws.ToString(a.Name), leads)
			}
		}
		if marker = out.NextMarker; aws.ToString(marker) == "" {
			return table.Flush()
		}
	}
}

// printAliases prints each alias of a list as the API sent it.
func printAliases(w io.Writer, body []byte) error {
	var page struct{ Aliases []json.RawMessage }
	if err := json.Unmarshal(body, &page); err != nil {
		return err
	}
	for _, a := range page.Aliases {
		if err := printJSON(w, a); err != nil {
			return err
		}
	}
	return nil
}
