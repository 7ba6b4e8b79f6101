package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/perdure/perdure/internal/cli"
)

var publishCommand = &command{
	name:    "publish",
	args:    "FUNCTION… [--alias NAME]",
	summary: "keep a function's code and settings as a version",
	help: `
A version has a number, and its code and settings never change. Executions that
start on it, as order:3 or through an alias, stay on it, whatever becomes of the
function; those of $LATEST go on with whatever code there is then.

Versions are printed as FUNCTION:NUMBER, ready for "perdure invoke". If nothing
has changed since the last version, that is the one. With --alias the alias is
moved to the version, or made.`,
	verb: func() verb { return &publishVerb{} },
}

type publishVerb struct {
	remoteFlags
	alias       string
	description cli.Text
}

func (v *publishVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.StringVar(&v.alias, "alias", "", "move the alias `NAME` to the version")
	fs.Var(&v.description, "description", "`TEXT` to keep with the version")
}

func (v *publishVerb) run(ctx context.Context, std *stdio, args []string) error {
	if len(args) == 0 {
		return exactly(args, "publish", "a function")
	}
	if v.alias != "" {
		if err := checkAlias(v.alias); err != nil {
			return err
		}
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	for _, function := range args {
		if err := v.publish(ctx, std, r, function); err != nil {
			return err
		}
	}
	return nil
}

func (v *publishVerb) publish(ctx context.Context, std *stdio, r *remote, function string) error {
	before, err := r.newestVersion(ctx, function)
	if err != nil {
		return err
	}
	out, err := r.Publish(ctx, function, v.description.Value)
	if err != nil {
		return r.fault(ctx, err)
	}
	name, version := out.FunctionName, out.Version
	switch {
	case version == before:
		fmt.Fprintf(std.err, "perdure: nothing has changed since version %s of %s\n", version, name)
	default:
		fmt.Fprintf(std.err, "perdure: version %s of %s: %s of code\n", version, name, megabytes(out.CodeSize))
	}
	if v.alias != "" {
		was, _, err := r.pointAlias(ctx, aliasTarget{function: name, alias: v.alias, version: version})
		if err != nil {
			return err
		}
		tellAlias(std.err, "perdure: ", v.alias, version, was)
	}
	if v.json {
		return printJSON(std.out, out.JSON)
	}
	_, err = fmt.Fprintf(std.out, "%s:%s\n", name, version)
	return err
}

// newestVersion returns a function's highest version; empty if it has none.
func (r *remote) newestVersion(ctx context.Context, function string) (newest string, err error) {
	for v, err := range r.Versions(ctx, function) {
		if err != nil {
			return "", r.fault(ctx, err)
		}
		newest = v.Version // they are in order
	}
	return newest, nil
}

// megabytes words the size of code.
func megabytes(n int64) string {
	switch {
	case n == 0:
		return ""
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// checkAlias returns a problem unless name can be an alias.
func checkAlias(name string) error {
	if validAlias.MatchString(name) && !number.MatchString(name) {
		return nil
	}
	return cli.Usagef("%q cannot be an alias",
		name).Hintf("an alias has 1 to 128 letters, digits, - and _, and is not a number")
}
