package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/doctor"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

var doctorCommand = &command{
	name:    "doctor",
	args:    "[--data DIR] [--store URL] [--endpoint URL]",
	summary: "check what engines and functions need of this machine",
	help: `
Looks at the clock, limits, languages, the data directory with its disk, and the
engine at the endpoint, and with --store, or PERDURE_STORE, at the PostgreSQL that
a fleet keeps executions in, and says what to do. A note is about something that may
not be wanted; after a problem the exit status is 1.`,
	verb: func() verb { return &doctorVerb{} },
}

type doctorVerb struct {
	remoteFlags
	data, store string
}

func (v *doctorVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.StringVar(&v.data, "data", ".perdure", "`DIR` that holds the engine's data")
	fs.StringVar(&v.store, "store", "", storeUsage)
}

func (v *doctorVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "doctor"); err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	look, err := v.database(std)
	if err != nil {
		return err
	}
	problems := 0
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	patient := &doctor.Case{Version: version(), Data: v.data, Endpoint: r.Endpoint, Engine: r.whoServes,
		Database: look}
	doctor.Examine(ctx, patient, func(f doctor.Finding) {
		if f.Status == doctor.Problem {
			problems++
		}
		if v.json {
			_ = json.NewEncoder(std.out).Encode(f)
			return
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Status, f.Check, cli.Printable(f.Text))
		if f.Hint != "" {
			fmt.Fprintf(table, "\t\thint: %s\n", cli.Printable(f.Hint))
		}
	})
	if err := table.Flush(); err != nil {
		return err
	}
	if problems > 0 {
		return &cli.Problem{Status: cli.StatusFailed, Message: fmt.Sprintf("%d problems were found", problems)}
	}
	return nil
}

// database returns what looks at the database; nil without one.
func (v *doctorVerb) database(std *stdio) (func(context.Context) (*doctor.Database, error), error) {
	value, from := orEnvironment(v.store)
	if value == "" {
		return nil, checkDirectory(v.data)
	}
	url, err := readStore(std, from, value)
	at := host.Storage{URL: url}
	return func(ctx context.Context) (*doctor.Database, error) {
		x, err := host.Examine(ctx, at)
		if err != nil {
			return nil, err
		}
		d := &doctor.Database{
			Name: at.String(), Version: x.Version, Size: x.Size, Fsync: x.Fsync, FullPageWrites: x.FullPageWrites,
			SynchronousCommit: x.SynchronousCommit, Replicas: x.SyncReplicas, MaxConnections: int(x.MaxConnections),
			Connections: int(x.Connections), PerNode: int(x.PoolSize) + 1, Clock: x.Clock, Pooled: x.Pooled,
		}
		for _, n := range x.Nodes {
			d.Nodes = append(d.Nodes, doctor.DatabaseNode{Name: cmp.Or(n.Name, n.ID), Version: n.Version})
		}
		for _, t := range x.Tables {
			d.Tables = append(d.Tables, doctor.Table{Name: t.Name, Live: t.Rows, Dead: t.Dead})
		}
		return d, nil
	}, err
}

// whoServes asks the engine for its name and its time.
func (r *remote) whoServes(ctx context.Context) (*doctor.Engine, error) {
	began := time.Now()
	about, err := r.About(ctx)
	if err != nil {
		return nil, err
	}
	e := &doctor.Engine{Version: about.Version, Functions: len(about.Functions)}
	if at := protocol.Timestamp(about.Timestamp); at != 0 {
		middle := began.Add(time.Since(began) / 2)
		e.Clock = at.Time().Sub(middle)
	}
	return e, nil
}
