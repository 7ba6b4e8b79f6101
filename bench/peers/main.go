// Command peers measures Perdure beside systems of its kind, on one machine and in one run. It takes them in turn,
// starts each anew for every figure, and writes a table of medians with ratios. See README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/perdure/perdure/bench/peers/load"
	"github.com/perdure/perdure/bench/peers/workload"
)

// bench is what is asked for.
type bench struct {
	rounds   int
	time     time.Duration // of a figure
	warm     time.Duration // before it
	limit    time.Duration // of all rounds: none begins that would end later
	of       *comparison
	sleepers int
	only     string
	rows     string
	out, raw string
	lab      lab
}

// mostExecutions bounds a figure, as its time does.
const mostExecutions = 1_000_000

func main() {
	if len(os.Args) == 3 && os.Args[1] == echoArg {
		fmt.Fprintln(os.Stderr, echo(os.Args[2]))
		os.Exit(1)
	}
	// Processes die with the thread that started them: this one, which does not end before the program.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	b := bench{}
	fs := flag.NewFlagSet("peers", flag.ContinueOnError)
	asFleet := fs.Bool("fleet", false, "compare nodes of a fleet on one PostgreSQL")
	quick := fs.Bool("quick", false, "one short round: shows that everything runs, and little about speed")
	fs.IntVar(&b.rounds, "rounds", 3, "`number` of rounds, of which the medians are shown")
	fs.DurationVar(&b.time, "time", 3*time.Second, "`time` that each figure is measured for")
	fs.DurationVar(&b.warm, "warm", time.Second, "`time` before it that does not count")
	fs.DurationVar(&b.limit, "limit", 20*time.Minute, "`time` for the rounds; fewer are taken if need be")
	fs.IntVar(&b.sleepers, "sleepers", 100_000, "`number` of executions that sleep; 0 is no such row")
	fs.StringVar(&b.only, "systems", "", "`keys` of what to measure, such as perdure-embedded,restate; all if empty")
	fs.StringVar(&b.rows, "workloads", "", "`keys` of what to run, such as steps,crowd,floors; all if empty")
	fs.StringVar(&b.out, "out", "", "`file` for the table; the standard output if empty")
	fs.StringVar(&b.raw, "raw", "", "`file` for all figures of all rounds, as JSON")
	fs.StringVar(&b.lab.dir, "dir", "/var/tmp", "`directory` for data, on the disk to be measured")
	fs.StringVar(&b.lab.restate, "restate", "", "`path` of restate-server")
	fs.StringVar(&b.lab.postgres, "postgres",
		newest("/usr/lib/postgresql/*/bin"), "`directory` of its programs")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *quick {
		given := map[string]bool{}
		fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for _, is := range [][2]string{{"rounds", "1"}, {"time", "500ms"}, {"warm", "100ms"}, {"sleepers", "2000"}} {
			if !given[is[0]] {
				fs.Set(is[0], is[1])
			}
		}
	}
	if b.of = &peers; *asFleet {
		b.of = &fleet
	}
	var err error
	if b.lab.dir, err = os.MkdirTemp(b.lab.dir, "peers-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.lab.dir)
	b.lab.bin = b.lab.file("bin")
	if err := build(ctx, b.lab.bin); err != nil {
		return err
	}
	began := time.Now()
	m := b.measure(ctx)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("interrupted; nothing is written")
	}
	m.Machine = describe(ctx, &b, m.Rounds, began)
	return b.write(m)
}

// build builds what runs in processes of its own.
func build(ctx context.Context, bin string) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	for dir, packages := range map[string]string{root: "./cmd/perdure", ".": "./cmd/..."} {
		cmd := exec.CommandContext(ctx, "go", "build", "-C", dir, "-tags", "lambda.norpc", "-o", bin+"/", packages)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", cmd.Args, err, text)
		}
	}
	return nil
}

// root is the repository, seen from the directory of this module, in which the benchmark runs.
const root = "../.."

// newest returns the last path that matches, if there is one.
func newest(pattern string) string {
	paths, _ := filepath.Glob(pattern)
	return slices.Max(append(paths, ""))
}

// within makes a lab of its own in a lab; clean removes what is in it.
func (l *lab) within(name string) (in *lab, clean func(), err error) {
	in = new(*l)
	if in.dir, err = os.MkdirTemp(l.dir, name+"-"); err != nil {
		return nil, nil, err
	}
	for _, dir := range []string{l.dir, in.dir} {
		if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL passes through as another user
			return nil, nil, err
		}
	}
	return in, func() { os.RemoveAll(in.dir) }, nil
}

// measurements are all figures of a run.
type measurements struct {
	Machine  []string
	Rounds   int
	Figures  []figure
	Floors   []floorFigure
	Sleepers *sleepers `json:",omitempty"`
}

// figure is one system under one workload in one round.
type figure struct {
	Round            int
	System, Workload string
	Value            float64 // in the workload's unit
	Executions       int
	EngineCPU        time.Duration // for one execution
	FunctionCPU      time.Duration // for one execution; 0 if EngineCPU has it, too
	EngineMemory     int64         // bytes at most
	FunctionMemory   int64
	Error            string `json:",omitempty"`
}

// floorFigure is one floor in one round.
type floorFigure struct {
	Round, Clients int
	Name           string
	PerSecond      float64
	Error          string `json:",omitempty"`
}

// chosen reports whether keys, as a flag has them, name one.
func chosen(keys, key string) bool {
	return keys == "" || slices.Contains(strings.Split(keys, ","), key)
}

// measure takes the rounds.
func (b *bench) measure(ctx context.Context) *measurements {
	m := &measurements{}
	began := time.Now()
	for round := range b.rounds {
		if round > 0 && time.Since(began)/time.Duration(round)*time.Duration(round+1) > b.limit {
			break
		}
		m.Rounds++
		for _, f := range floors {
			if ctx.Err() == nil && chosen(b.rows, "floors") {
				m.Floors = append(m.Floors, b.floor(ctx, round, f))
			}
		}
		for _, w := range workload.All {
			for _, s := range b.of.systems {
				if ctx.Err() != nil || !chosen(b.only, s.Key) || !chosen(b.rows, w.Key) {
					continue
				}
				f := b.figure(ctx, s, w)
				f.Round, f.System, f.Workload = round, s.Key, w.Key
				m.Figures = append(m.Figures, f)
				told := fmt.Sprintf("%.0f %s", f.Value, w.Unit)
				if f.Error != "" {
					told = f.Error
				}
				fmt.Fprintf(os.Stderr, "round %d  %-8s %-20s %s\n", round+1, w.Key, s.Key, told)
			}
		}
	}
	if b.of.sleepers && b.sleepers > 0 && ctx.Err() == nil {
		s := measureSleepers(ctx, &b.lab, b.sleepers)
		m.Sleepers = &s
		fmt.Fprintf(os.Stderr, "sleepers %+v\n", s)
	}
	return m
}

func (b *bench) floor(ctx context.Context, round int, f floor) floorFigure {
	out := floorFigure{Round: round, Clients: f.Clients, Name: f.Name}
	l, clean, err := b.lab.within("floor")
	if err != nil {
		out.Error = err.Error()
		return out
	}
	defer clean()
	got := f.measure(ctx, l, f.Clients, b.time/2)
	out.Error = got.Error
	if out.Error == "" {
		out.PerSecond = float64(got.Executions) / got.Took.Seconds()
	}
	fmt.Fprintf(os.Stderr, "round %d  floor    %s, %s: %.0f/s %s\n",
		round+1, f.Name, clients(f.Clients), out.PerSecond, out.Error)
	return out
}

// figure starts a system, measures it under a workload, and ends it.
func (b *bench) figure(ctx context.Context, s system, w workload.Workload) (f figure) {
	l, clean, err := b.lab.within(s.Key)
	if err != nil {
		return figure{Error: err.Error()}
	}
	defer clean()
	i, err := s.start(ctx, l)
	if err != nil {
		return figure{Error: err.Error()}
	}
	defer i.stop()
	syscall.Sync() // what others left to write is not to be written now
	burst := load.Burst{Order: w.Order, Clients: w.Clients, AtMost: mostExecutions}
	burst.Time, burst.AtLeast = b.warm, 2*w.Clients
	if out := i.load(ctx, burst); out.Error != "" {
		return figure{Error: "warming up: " + out.Error}
	}
	engine, functions := usageOf(i.engine), usageOf(i.functions)
	burst.Time, burst.AtLeast = b.time, 0
	out := i.load(ctx, burst)
	if out.Error != "" {
		return figure{Error: out.Error}
	}
	engineAfter, functionsAfter := usageOf(i.engine), usageOf(i.functions)
	each := time.Duration(out.All)
	return figure{
		Value: w.Figure(out.Executions, out.Took), Executions: out.Executions,
		EngineCPU: (engineAfter.CPU - engine.CPU) / each, FunctionCPU: (functionsAfter.CPU - functions.CPU) / each,
		EngineMemory: engineAfter.Memory, FunctionMemory: functionsAfter.Memory,
	}
}

// write writes the table, and all figures.
func (b *bench) write(m *measurements) error {
	if b.raw != "" {
		text, err := json.MarshalIndent(m, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(b.raw, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	table := report(b.of, m)
	if b.out == "" {
		_, err := os.Stdout.WriteString(table)
		return err
	}
	return os.WriteFile(b.out, []byte(table), 0o644)
}
