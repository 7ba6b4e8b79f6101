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
	const other = "choose another directory with --data"
	p := cli.Faultf("%v", e)
	switch e.Kind {
	case host.InUse:
		return ownerProblem(p, e.Owner)
	case host.Damaged:
		return p.Hintf("restore the directory from a backup, or move it away to begin anew; or %s", other)
	case host.DiskFails:
		return p.Hintf("look for its errors in the log of the system; perdure verify --data %s tells whether the "+
			"database is damaged", e.Dir)
	case host.DiskFull:
		return p.Hintf("free some space and run the same command again; what was acknowledged is safe")
	case host.NoData:
		return cli.Usagef("%v", e).Hintf("--data names the directory in which %s is", host.DataFile)
	case host.HasData:
		return cli.Usagef("%v", e).Hintf("restore into a directory of its own; it holds %s", e.Found)
	case host.NotEmpty:
		return cli.Usagef("%v", e).Hintf("restore into a directory of its own")
	case host.Incomplete:
		return p.Hintf("remove the directory, and restore the backup again")
	}
	return p.Hintf("%s", other)
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
