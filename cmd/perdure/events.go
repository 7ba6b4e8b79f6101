package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
)

var eventsCommand = &command{
	name:    "events",
	args:    "FUNCTION [NAME [--event FILE]]",
	summary: "list, show, save and delete the events that people keep to start executions with",
	help: `
The engine keeps up to 100 events, of 64 KiB each, for all who use it. The page has
them in its form that starts an execution.

  perdure events order                          list those of order
  perdure events order large                    print the one called large
  perdure events order large --event big.json   save it, in place of one of that name
  perdure events order --delete large           delete it
  perdure invoke order --event-saved large      start an execution with it`,
	verb: func() verb { return &eventsVerb{} },
}

type eventsVerb struct {
	remoteFlags
	event  eventFlags
	remove names
}

func (v *eventsVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	v.event.define(fs)
	fs.Var(&v.remove, "delete", "delete the event `NAME`; may be repeated")
}

func (v *eventsVerb) run(ctx context.Context, std *stdio, args []string) error {
	switch {
	case len(args) == 0 || len(args) > 2:
		return exactly(args, "events", "a function", "a name")
	case v.event.given() && len(args) == 1:
		return cli.Usagef("an event is saved under a name").Hintf("perdure help events")
	case len(v.remove) > 0 && len(args) == 2:
		return cli.Usagef("--delete takes the name, and stands alone").Hintf("perdure help events")
	}
	event, err := v.event.read(ctx, std)
	if err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	switch {
	case event != nil:
		return v.save(ctx, std, r, args[0], args[1], event)
	case len(args) == 2:
		return v.show(ctx, std.out, r, args[0], args[1])
	}
	for _, name := range v.remove {
		if err := r.DeleteSavedEvent(ctx, args[0], name); err != nil {
			return r.fault(ctx, err)
		}
		fmt.Fprintf(std.err, "perdure: %s is deleted\n", cli.Printable(name))
	}
	if len(v.remove) > 0 {
		return nil
	}
	return v.list(ctx, std.out, r, args[0])
}

func (v *eventsVerb) save(ctx context.Context, std *stdio, r *remote, function, name string, event []byte) error {
	one, err := r.SaveEvent(ctx, function, name, bytes.TrimSpace(event))
	if err != nil {
		return r.fault(ctx, err)
	}
	if v.json {
		return json.NewEncoder(std.out).Encode(one)
	}
	fmt.Fprintf(std.err, "perdure: %s is saved; start an execution with it: %s\n", cli.Printable(one.Name),
		cli.CommandLine("invoke", function, "--event-saved", one.Name))
	return nil
}

func (v *eventsVerb) show(ctx context.Context, out io.Writer, r *remote, function, name string) error {
	one, err := r.SavedEvent(ctx, function, name)
	if err != nil {
		return r.fault(ctx, err)
	}
	if v.json {
		return json.NewEncoder(out).Encode(one)
	}
	_, err = fmt.Fprintln(out, one.Event)
	return err
}

func (v *eventsVerb) list(ctx context.Context, out io.Writer, r *remote, function string) error {
	all, err := r.SavedEvents(ctx, function)
	if err != nil {
		return r.fault(ctx, err)
	}
	return writeEvents(out, all, v.json)
}

func writeEvents(out io.Writer, all []adminapi.SavedEvent, asJSON bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	if !asJSON {
		fmt.Fprintln(table, "EVENT\tBYTES\tSAVED\tBY")
	}
	for i := range all {
		one := &all[i]
		if asJSON {
			if err := json.NewEncoder(out).Encode(one); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", cli.Printable(one.Name), one.Bytes, localTime(one.SavedTimestamp),
			cli.Printable(one.By))
	}
	return table.Flush()
}
