package main

import (
	"context"
	"flag"

	"github.com/perdure/perdure/internal/cli"
)

// verb is one command with its flags, made anew for each run.
type verb interface {
	// define declares the flags.
	define(fs *flag.FlagSet)
	// run does the work. Its error is told by [cli.Report].
	run(ctx context.Context, std *stdio, args []string) error
}

// command describes a verb to the dispatcher and to help.
type command struct {
	name    string
	args    string // what follows the name
	summary string
	help    string // paragraphs below the usage line
	verb    func() verb
}

// commands lists the verbs in the order in which help shows them.
func commands() []*command {
	return []*command{
		runCommand, devCommand, serveCommand, attachCommand,
		invokeCommand, listCommand, getCommand, explainCommand, historyCommand, logsCommand, callbackCommand,
		forkCommand, redriveCommand, skipCommand,
		pauseCommand, resumeCommand, stopCommand, deleteCommand,
		functionsCommand, publishCommand, unpublishCommand, aliasCommand,
		exportCommand, importCommand, verifyCommand, backupCommand, restoreCommand,
		doctorCommand, credentialsCommand, versionCommand, helpCommand,
	}
}

// exactly returns a problem unless args has one value for each name.
func exactly(args []string, verb string, names ...string) error {
	switch {
	case len(args) < len(names):
		return cli.Usagef("perdure %s needs %s", verb, names[len(args)]).Hintf("perdure help %s", verb)
	case len(args) > len(names):
		return cli.Usagef("perdure %s: unexpected argument %q", verb, args[len(names)]).Hintf("perdure help %s", verb)
	}
	return nil
}
