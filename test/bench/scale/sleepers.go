package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/protocol"
)

// pending is the answer of an invocation that waits for something.
var pending = engine.Outcome{Payload: []byte(`{"Status":"PENDING"}`)}

// open opens the engine of a directory.
func open(ctx context.Context, dir string) (e *engine.Engine, closeAll func(), err error) {
	st, err := sqlitestore.Open(ctx, dir, &sqlitestore.Options{Durability: sqlitestore.None})
	if err != nil {
		return nil, nil, err
	}
	if e, err = engine.Open(ctx, st, nil); err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return e, func() {
		e.Close(context.Background())
		st.Close()
	}, nil
}

type invoker func(*engine.Invocation) engine.Outcome

func (f invoker) Invoke(_ context.Context, inv *engine.Invocation) engine.Outcome { return f(inv) }

func register(e *engine.Engine, name string, invoke invoker) error {
	return e.Functions().Register(engine.Function{
		Name: name, Timeout: time.Hour, Invoker: invoke,
		Durable: &engine.DurableConfig{ExecutionTimeout: 366 * 24 * time.Hour},
	})
}

// sleepers measures an engine in which more and more executions wait for tomorrow.
func sleepers(ctx context.Context, dir string) ([]chart, error) {
	const x = "executions that sleep"
	start := chart{File: "start", Title: "Start of an execution of one step, to its end", X: x, Y: "µs", Claim: flat}
	newest := chart{File: "list", Title: "The newest 50 executions", X: x, Y: "µs", Claim: flat}
	none := chart{File: "filter", Title: "A filter by status that no execution passes", X: x, Y: "µs", Claim: flat}
	opened := chart{File: "restart", Title: "Start of the engine, to its first execution", X: x, Y: "ms", Claim: linear}
	rss := chart{File: "restart-memory", Title: "Memory (RSS) of a restarted engine", X: x, Y: "MB", Claim: linear}
	disk := chart{File: "disk", Title: "The database file", X: x, Y: "MB", Claim: linear}

	have := 0
	for _, n := range powers(100, *executions) {
		e, closeAll, err := open(ctx, dir)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(
			registerSleeper(e, func() int64 { return 24 * 3600 }), registerShort(e),
			fill(ctx, e, have, n)); err != nil {
			return nil, err
		}
		have = n
		const rounds = 200
		for c, do := range map[*chart]func(i int) error{
			&start: func(int) error { return runShort(ctx, e) },
			&newest: func(int) error {
				_, _, err := e.List(ctx, &engine.ListRequest{MaxItems: 50})
				return err
			},
			&none: func(int) error {
				_, _, err := e.List(ctx, &engine.ListRequest{MaxItems: 50, Filter: engine.Filter{Function: "sleeper",
					Statuses: []protocol.ExecutionStatus{protocol.ExecutionTimedOut}}})
				return err
			},
		} {
			took, err := median(rounds, do)
			if err != nil {
				return nil, err
			}
			c.add(n, float64(took.Nanoseconds())/1e3)
		}
		closeAll()
		info, err := os.Stat(filepath.Join(dir, sqlitestore.Database))
		if err != nil {
			return nil, err
		}
		disk.add(n, float64(info.Size())/1e6)
		r, err := restartElsewhere(ctx, dir)
		if err != nil {
			return nil, err
		}
		opened.add(n, r.Milliseconds)
		rss.add(n, r.Megabytes)
	}
	return []chart{start, newest, none, opened, rss, disk}, nil
}

func median(rounds int, do func(i int) error) (time.Duration, error) {
	took := make([]time.Duration, rounds)
	for i := range took {
		began := time.Now()
		if err := do(i); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[rounds/2], nil
}

// registerSleeper registers a function that waits for so many seconds and ends.
func registerSleeper(e *engine.Engine, seconds func() int64) error {
	return register(e, "sleeper", func(inv *engine.Invocation) engine.Outcome {
		in, err := protocol.ReadInput(inv.Payload)
		if err != nil {
			return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
		}
		if len(in.InitialExecutionState.Operations) > 1 {
			return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED"}`)}
		}
		if err := wait(context.Background(), e, in, 1, seconds()); err != nil {
			return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
		}
		return pending
	})
}

// registerShort registers a function of one step.
func registerShort(e *engine.Engine) error {
	return register(e, "short", func(inv *engine.Invocation) engine.Outcome {
		in, err := protocol.ReadInput(inv.Payload)
		if err == nil {
			err = steps(context.Background(), e, in, 0, 1)
		}
		if err != nil {
			return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
		}
		return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED"}`)}
	})
}

func runShort(ctx context.Context, e *engine.Engine) error {
	started, err := e.Start(ctx, &engine.InvokeRequest{Function: "short"})
	if err == nil {
		_, err = e.Wait(ctx, started.ARN)
	}
	return err
}

// fill starts sleepers until there are to, and waits until they sleep.
func fill(ctx context.Context, e *engine.Engine, from, to int) error {
	const workers = 64
	var group sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		group.Go(func() {
			for n := from + w; n < to && errs[w] == nil; n += workers {
				_, errs[w] = e.Start(ctx, &engine.InvokeRequest{Function: "sleeper", Name: "sleeper-" + strconv.Itoa(n)})
			}
		})
	}
	group.Wait()
	for s := e.Stats(); s.Waiting+s.Invoking > 0 && ctx.Err() == nil; s = e.Stats() {
		time.Sleep(time.Millisecond)
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// restarting is what the start of an engine took.
type restarting struct{ Milliseconds, Megabytes float64 }

// restart opens the store of a directory and runs an execution of one step.
func restart(ctx context.Context, dir string) (*restarting, error) {
	began := time.Now()
	e, closeAll, err := open(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	err = errors.Join(registerSleeper(e, func() int64 { return 24 * 3600 }), registerShort(e))
	if err == nil {
		err = runShort(ctx, e)
	}
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	time.Sleep(time.Second) // what goes on in the background
	return &restarting{float64(took.Microseconds()) / 1e3, residentMB()}, nil
}

// residentMB is the memory of this process, on Linux.
func residentMB() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kb / 1e3
}

// restartElsewhere is restart in a new process.
func restartElsewhere(ctx context.Context, dir string) (*restarting, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-restarted", dir)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	r := &restarting{}
	return r, json.Unmarshal(text, r)
}

// wakes measures how late executions go on that all wake at the same moment.
func wakes(ctx context.Context, dir string) ([]chart, error) {
	const x = "executions that wake within a second"
	late := chart{File: "lateness", Title: "How late they go on, 99th percentile", X: x, Y: "ms", Claim: queue}
	for _, part := range []int{100, 10, 5, 2, 1} {
		if err := wake(ctx, fmt.Sprint(dir, "-", part), *waking/part, &late); err != nil {
			return nil, err
		}
	}
	return []chart{late}, nil
}

func wake(ctx context.Context, dir string, n int, late *chart) error {
	defer os.RemoveAll(dir)
	e, closeAll, err := open(ctx, dir)
	if err != nil {
		return err
	}
	defer closeAll()
	// About as long as it takes to start them, and some more.
	at := time.Now().Add(3*time.Second + time.Duration(n)*300*time.Microsecond)
	var mu sync.Mutex
	var lateness []time.Duration
	done := make(chan struct{})
	err = register(e, "sleeper", func(inv *engine.Invocation) engine.Outcome {
		in, err := protocol.ReadInput(inv.Payload)
		if err != nil {
			return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
		}
		if ops := in.InitialExecutionState.Operations; len(ops) > 1 {
			mu.Lock()
			defer mu.Unlock()
			if lateness = append(lateness, time.Since(ops[1].ScheduledEnd.Time())); len(lateness) == n {
				close(done)
			}
			return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED"}`)}
		}
		// Waits are of whole seconds, so they end within one.
		if err := wait(context.Background(), e, in, 1, max(1, int64(time.Until(at).Seconds()))); err != nil {
			return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
		}
		return pending
	})
	if err != nil {
		return err
	}
	if err := fill(ctx, e, 0, n); err != nil {
		return err
	}
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	slices.Sort(lateness)
	late.add(n, float64(lateness[n*99/100].Microseconds())/1e3)
	return nil
}
