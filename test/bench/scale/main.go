// Scale measures how costs grow: with the history of an execution, with the number of executions, and with the number
// of those that sleep, each by powers of ten. It writes a page of plots and tables.
//
//	go run ./test/bench/scale -out docs
//
// Everything is in this process, with the engine's SQLite store in a temporary directory and no flushes, so that what
// grows is seen and not the disk. Restarts are measured in a new process each. With the default sizes it takes about
// ten minutes and 3 GB of disk.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
)

var (
	out        = flag.String("out", "", "directory of scale.md and scale/*.svg; empty prints the tables")
	executions = flag.Int("executions", 1_000_000, "the most executions, and the most that sleep")
	operations = flag.Int("operations", 100_000, "the most operations of one execution")
	waking     = flag.Int("waking", 100_000, "the most executions that wake at one moment")
	restarted  = flag.String("restarted", "", "open the store of this directory, say what it took, and exit")
)

func main() {
	flag.Parse()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if *restarted != "" {
		r, err := restart(ctx, *restarted)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	dir, err := os.MkdirTemp("", "perdure-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var charts []chart
	for _, sweep := range []func(context.Context, string) ([]chart, error){histories, sleepers, wakes} {
		made, err := sweep(ctx, filepath.Join(dir, fmt.Sprint(len(charts))))
		if err != nil {
			return err
		}
		charts = append(charts, made...)
	}
	return report(*out, charts)
}

// powers are the powers of ten from one to the other.
func powers(from, to int) (ns []int) {
	for n := from; n <= to; n *= 10 {
		ns = append(ns, n)
	}
	return ns
}

// heap is how much memory Go's heap takes after a collection.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
