package main

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

// worded words err for people. Errors that a verb has worded itself stay.
func worded(err error) error {
	if _, ok := errors.AsType[*cli.Problem](err); ok {
		return err
	}
	if data, ok := errors.AsType[*host.DataError](err); ok {
		return dataProblem(data)
	}
	if address, ok := errors.AsType[*host.AddressError](err); ok {
		return addressProblem(address)
	}
	if built, ok := errors.AsType[*build.Error](err); ok {
		p := cli.Usagef("%s", built.Message).Hintf("%s", built.Hint)
		if p.Output = built.Output; len(p.Output) > 0 {
			p.Hintf("the lines above are the compiler's")
		}
		return p
	}
	if run, ok := errors.AsType[*runtimes.Error](err); ok {
		return cli.Usagef("%s", run.Message).Hintf("%s", run.Hint)
	}
	if refused, ok := errors.AsType[*protocol.Error](err); ok {
		return cli.Faultf("the engine refused: %s", refused.Message)
	}
	return err
}

// dataProblem says what to do about a data directory.
func dataProblem(e *host.DataError) *cli.Problem {
	if e.At.URL != "" {
		return databaseProblem(e)
	}
	const other = "choose another directory with --data"
	p := cli.Faultf("%v", e)
	switch e.Kind {
	case host.InUse:
		return ownerProblem(p, e.Owner)
	case host.Damaged:
		return p.Hintf("restore the directory from a backup, or move it away to begin anew; or %s", other)
	case host.DiskFails:
		return p.Hintf("look for its errors in the log of the system; perdure verify --data %s tells whether the "+
			"database is damaged", e.At)
	case host.DiskFull:
		return p.Hintf("free some space and run the same command again; what was acknowledged is safe")
	case host.NoData:
		return cli.Usagef("%v", e).Hintf("--data names the directory in which %s is", host.DataFile)
	case host.HasData:
		p := cli.Usagef("%v", e).Hintf("choose a directory of its own")
		if e.Found != "" {
			p.Hintf("it holds %s", e.Found)
		}
		return p
	case host.NotEmpty:
		return cli.Usagef("%v", e).Hintf("choose a directory of its own")
	case host.Incomplete:
		return p.Hintf("remove the directory, and restore the backup, or move the data, again")
	case host.Moved:
		return movedProblem(p, e)
	case host.Itself:
		return cli.Usagef("%v", e)
	}
	return p.Hintf("%s", other)
}

const otherSchema = "the parameter schema of the address names one, as in ?schema=shop"

// databaseProblem says what to do about a PostgreSQL. Errors of the store say it themselves.
func databaseProblem(e *host.DataError) *cli.Problem {
	p := cli.Faultf("%v", e)
	switch e.Kind {
	case host.InUse:
		return p.Hintf("stop its engines first; perdure nodes lists them")
	case host.Damaged:
		return p.Hintf("perdure verify --store says what is damaged; restore the database from a backup")
	case host.NoData:
		return cli.Usagef("%v", e).Hintf("it may be in another schema than perdure: %s", otherSchema)
	case host.HasData:
		return cli.Usagef("%v", e).Hintf("choose an empty schema: %s", otherSchema)
	case host.Incomplete:
		return p.Hintf("remove the schema with DROP SCHEMA … CASCADE, and restore the backup, or move the data, again").
			Hintf("or choose another one: %s", otherSchema)
	case host.Moved:
		return movedProblem(p, e)
	case host.Itself:
		return cli.Usagef("%v", e)
	}
	return p
}

// movedProblem says how to go on with data that was moved away.
func movedProblem(p *cli.Problem, e *host.DataError) *cli.Problem {
	return p.Hintf("serve it there: name that with --data, or with --store").
		Hintf("if no engine has begun there: %s", cli.CommandLine("move", "--from", e.At.String(), "--undo"))
}

var urlPattern = regexp.MustCompile(`https?://[^\s,)]+`)

// ownerProblem says what to do about the engine that has a data directory open. It wrote down its process id and
// the address of its Lambda API, if it could.
func ownerProblem(p *cli.Problem, owner string) *cli.Problem {
	if url := urlPattern.FindString(owner); url != "" {
		p.Hintf("use that engine: perdure invoke FUNCTION --event FILE --endpoint %s", url)
	}
	var pid int
	if n, _ := fmt.Sscanf(owner, "pid %d", &pid); n == 1 {
		return p.Hintf("or stop it with kill %d, which loses nothing; or choose another directory with --data", pid)
	}
	return p.Hintf("stop it, or choose another directory with --data")
}

// addressProblem says what to do about an address that cannot be served.
func addressProblem(e *host.AddressError) *cli.Problem {
	p := cli.Faultf("%v", e)
	if !e.InUse {
		return p.Hintf("choose another address with --listen")
	}
	return p.Hintf("if that is an engine, use it: perdure invoke FUNCTION --endpoint http://%s", e.Address).
		Hintf("or choose another address: --listen 127.0.0.1:0 takes a free port")
}

// nameTaken is the problem of a start whose name belongs to another event.
func nameTaken(name string) error {
	return cli.Faultf("execution %q was already started with another payload", name).
		Hintf("choose another --name, or give the event with which it was started")
}
