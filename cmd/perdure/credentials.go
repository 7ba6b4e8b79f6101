package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/cli"
)

var credentialsCommand = &command{
	name:    "credentials",
	args:    "FILE --name NAME [--access KIND]",
	summary: "let somebody use an engine: add an access key to a file",
	help: `
The file has the form of the AWS CLI's credentials file, and is what perdure serve
--credentials FILE takes: whoever is in it may use the engine. A running engine
follows it, so to lock somebody out, delete their section.

The same file, or one with their section alone, is what the others need: with
perdure's own --credentials FILE, with AWS_SHARED_CREDENTIALS_FILE=FILE and
AWS_PROFILE=NAME for the AWS CLI and SDKs, and to log in to the page.`,
	verb: func() verb { return &credentialsVerb{} },
}

type credentialsVerb struct {
	name   string
	access credentials.Access
}

func (v *credentialsVerb) define(fs *flag.FlagSet) {
	fs.StringVar(&v.name, "name", "", "`NAME` of whom the key is for")
	v.access = credentials.Full
	fs.Var(&v.access, "access", "`KIND` of what the key may do: full, read, or function, which is for perdure attach")
}

func (v *credentialsVerb) run(_ context.Context, std *stdio, args []string) error {
	if err := exactly(args, "credentials", "a file"); err != nil {
		return err
	}
	if v.name == "" {
		return cli.Usagef("perdure credentials needs --name NAME, of whom the key is for")
	}
	c, err := credentials.Add(args[0], v.name, v.access)
	if err != nil {
		return cli.Usagef("no key was made: %v", err)
	}
	fmt.Fprintln(std.out, c.KeyID)
	fmt.Fprintf(std.err, "perdure: %s now holds the key of %s\n", args[0], v.name)
	return nil
}
