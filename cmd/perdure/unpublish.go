package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

var unpublishCommand = &command{
	name:    "unpublish",
	args:    "FUNCTION:VERSION… | FUNCTION… --unused",
	summary: "delete published versions",
	help: `
A version that executions are still open on takes no new ones, and is gone with
the last of them. One that an alias leads to is not deleted: move the alias
first. The number is not given again.

With --unused those versions of a function are deleted that no alias leads to
and that have no open executions, but for the newest.`,
	verb: func() verb { return &unpublishVerb{} },
}

type unpublishVerb struct {
	remoteFlags
	unused bool
}

func (v *unpublishVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.BoolVar(&v.unused, "unused", false, "delete the versions that nothing needs")
}

func (v *unpublishVerb) run(ctx context.Context, std *stdio, args []string) error {
	if len(args) == 0 {
		return exactly(args, "unpublish", "a version, such as order:3")
	}
	for _, word := range args {
		_, version, qualified := strings.Cut(word, ":")
		if !v.unused && !number.MatchString(version) {
			return cli.Usagef("%q is not a version",
				word).Hintf("name it by its function and its number, such as order:3")
		}
		if v.unused && qualified {
			return cli.Usagef("--unused wants a function, not %q", word)
		}
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	versions := args
	if v.unused {
		if versions, err = r.unusedVersions(ctx, args); err != nil {
			return err
		}
	}
	for _, version := range versions {
		if err := v.delete(ctx, std, r, version); err != nil {
			return err
		}
	}
	if len(versions) == 0 {
		fmt.Fprintf(std.err, "perdure: every version is needed\n")
	}
	return nil
}

func (v *unpublishVerb) delete(ctx context.Context, std *stdio, r *remote, version string) error {
	draining, err := r.DeleteFunction(ctx, version)
	if err != nil {
		return r.fault(ctx, err)
	}
	state := "deleted"
	if draining {
		state = "deleting, with its last open execution"
	}
	_, err = fmt.Fprintf(std.out, "%s\t%s\n", version, state)
	return err
}

// unusedVersions returns the versions that nothing needs.
func (r *remote) unusedVersions(ctx context.Context, names []string) (unused []string, err error) {
	all, err := r.Functions(ctx)
	if err != nil {
		return nil, r.fault(ctx, err)
	}
	byName := map[string]*adminapi.Function{}
	for i := range all {
		byName[all[i].FunctionName] = all[i]
	}
	for _, name := range names {
		f := byName[name]
		if f == nil {
			return nil, cli.Faultf("there is no function %q", name).Hintf("%s shows all", cli.CommandLine("functions"))
		}
		newest := true
		for _, x := range f.Versions {
			if x.Version == protocol.LatestVersion || x.State != engine.StateActive {
				continue
			}
			if !newest && x.OpenExecutions == 0 && len(aliasesTo(f, x.Version)) == 0 {
				unused = append(unused, name+":"+x.Version)
			}
			newest = false
		}
	}
	return unused, nil
}
