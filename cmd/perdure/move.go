package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/host"
)

var moveCommand = &command{
	name:    "move",
	args:    "--from DIR|URL --to URL|DIR",
	summary: "move all data from a directory into a PostgreSQL, or back",
	help: `
Everything moves: executions with their histories and logs, versions with their
code, aliases, and the key that callback ids are signed with. No engine may run
on either meanwhile, and the second must be empty, or not exist. What arrived is
verified. An address is given as with --store of perdure serve: the URL of a
PostgreSQL, or @FILE with it in a file.

Nothing is deleted, but no engine begins any more on what was moved away: two
engines would do everything twice. If none has begun on the second, --undo with
--from lets the first go on.`,
	verb: func() verb { return &moveVerb{} },
}

type moveVerb struct {
	from, to string
	undo     bool
}

func (v *moveVerb) define(fs *flag.FlagSet) {
	fs.StringVar(&v.from, "from", "", "`DIR` or URL of what is moved")
	fs.StringVar(&v.to, "to", "", "`URL` or DIR to which it is moved")
	fs.BoolVar(&v.undo, "undo", false, "let engines go on with what was moved from --from, and is not used elsewhere")
}

func (v *moveVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "move"); err != nil {
		return err
	}
	if v.from == "" || v.undo == (v.to != "") {
		return cli.Usagef("perdure move needs --from and --to, or --from and --undo").Hintf("perdure help move")
	}
	from, err := storageOf(std, "--from", v.from)
	if err != nil {
		return err
	}
	if v.undo {
		if err := host.Unmove(ctx, from); err != nil {
			return interruptedOr(ctx, err)
		}
		fmt.Fprintf(std.err, "perdure: engines may go on with %s\n", from)
		return nil
	}
	to, err := storageOf(std, "--to", v.to)
	if err != nil {
		return err
	}
	return v.move(ctx, std, from, to)
}

// progressEvery is how often people hear how far a copy is.
const progressEvery = 5 * time.Second

func (v *moveVerb) move(ctx context.Context, std *stdio, from, to host.Storage) error {
	problems := verifyVerb{}
	told, mu := time.Now(), sync.Mutex{}
	moved, err := host.Move(ctx, from, to, &host.Moving{
		Found: func(p engine.Problem) { problems.tell(std, p) },
		Told: func(executions, entries int64) {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(told) >= progressEvery {
				told = time.Now()
				fmt.Fprintf(std.err, "perdure: copied %d executions, %d entries\n", executions, entries)
			}
		},
	})
	if err != nil {
		return interruptedOr(ctx, err)
	}
	tellArrived(std, "moved", moved, v.to, to)
	if moved.Problems > 0 {
		return &cli.Problem{Status: cli.StatusFailed, Message: fmt.Sprintf(
			"%s has everything, and is not in order: %d problems", to, moved.Problems)}
	}
	return nil
}

// tellArrived says what is in a storage now, and how to go on; given is how the storage was given.
func tellArrived(std *stdio, what string, r *host.Restored, given string, at host.Storage) {
	fmt.Fprintf(std.err, "perdure: %s %d executions, %d of them open\n", what, r.Executions, r.Open)
	if r.Code > 0 {
		fmt.Fprintf(std.err, "  code      of published versions, %d pieces\n", r.Code)
	}
	flag := "--data"
	if at.URL != "" {
		flag = "--store"
	}
	if u, err := url.Parse(given); at.URL != "" && (err != nil || hasPassword(u) || given == "") {
		given = "@FILE" // with the address, which is a secret, or was in the environment
	}
	fmt.Fprintf(std.err, "  serve     %s\n", cli.CommandLine("serve", flag, given))
}
