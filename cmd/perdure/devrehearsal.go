package main

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

const (
	// maxRehearsed bounds how many open executions are tried with a new build,
	// the newest first, and rehearsalTime for how long all of them together.
	maxRehearsed  = 20
	rehearsalTime = 3 * time.Second
)

// verdicts say whether the open executions of a function can go on with a new
// build.
type verdicts struct {
	good    []string  // labels of those that can
	bad     []verdict // those that cannot, or of which it is not known
	unasked string    // why none was asked; empty if they were
	more    bool      // there are more than were asked
}

type verdict struct {
	label, tone, text string
}

// rehearseAll tries a build with all open executions of the function, before it
// takes over.
func (f *devFunction) rehearseAll(ctx context.Context, fn engine.Function, proc *runtimes.Process) (v verdicts) {
	open, next, err := f.dev.local.engine.List(ctx, &engine.ListRequest{
		Function: f.name, Qualifier: protocol.LatestVersion, MaxItems: maxRehearsed,
		Statuses: []protocol.ExecutionStatus{protocol.ExecutionRunning},
	})
	if err != nil || len(open) == 0 || fn.Durable == nil {
		return v // a function that is new here has none
	}
	v.more = next != ""
	if !knowsRehearsals(proc) {
		v.unasked = "open executions were not replayed with it: that needs package durable in the function"
		return v
	}
	pool, err := f.rehearsalPool(fn, proc)
	if err != nil {
		v.unasked = err.Error()
		return v
	}
	defer pool.Close(ctx)
	ctx, cancel := context.WithTimeout(ctx, rehearsalTime)
	defer cancel()
	for _, x := range open {
		label := f.dev.followers.label(x.ARN)
		switch one := f.rehearse(ctx, pool, x.ARN); {
		case one.text == "":
		case one.tone == toneGood:
			v.good = append(v.good, label)
		default:
			one.label = label
			v.bad = append(v.bad, one)
		}
	}
	return v
}

// rehearsalPool runs processes that replay and do nothing else. What they write
// is not shown: it was, when it was new.
func (f *devFunction) rehearsalPool(fn engine.Function, proc *runtimes.Process) (*sandbox.Pool, error) {
	env := map[string]string{protocol.RehearsalVariable: "1"}
	for name, value := range f.dev.environment(f.program) {
		env[name] = value
	}
	return sandbox.New(sandbox.Config{
		Name: fn.Name, Version: fn.Version, Command: proc.Command, Handler: proc.Handler, OwnPort: proc.OwnPort,
		Dir: proc.Dir, Env: env, RuntimeEnv: proc.Env,
		MemoryMB: fn.MemoryMB, Timeout: rehearsalTime, Runtime: f.dev.local.runtime, MaxProcesses: 1,
		StopGrace: 100 * time.Millisecond,
	})
}

// knowsRehearsals reports whether a program has package durable in it, which
// knows what a rehearsal is. Another would run the bodies of its steps.
func knowsRehearsals(proc *runtimes.Process) bool {
	program, err := os.ReadFile(proc.Command[0])
	return err == nil && bytes.Contains(program, []byte(protocol.RehearsalVariable))
}

// rehearse tries one execution. The verdict is empty if it has closed meanwhile.
func (f *devFunction) rehearse(ctx context.Context, pool *sandbox.Pool, arn string) verdict {
	inv, err := f.dev.local.engine.Rehearsal(ctx, arn, rehearsalTime)
	if err != nil || inv == nil {
		return verdict{}
	}
	out := pool.Invoke(ctx, inv)
	if out.Error != nil {
		return verdict{tone: toneWarn, text: "may not replay with the new code: " + cut(progress.ErrorLine(out.Error))}
	}
	answer, err := protocol.ReadOutput(out.Payload)
	switch {
	case err != nil:
		return verdict{tone: toneWarn, text: "may not replay with the new code: the function did not answer as a durable function does"}
	case answer.Status != protocol.InvocationFailed:
		return verdict{tone: toneGood, text: "replays"}
	case answer.Error != nil && answer.Error.ErrorType == "NonDeterminismError":
		return verdict{tone: toneBad, text: "does not replay with the new code, and will fail when it goes on: " + cut(reason(answer.Error))}
	}
	return verdict{tone: toneWarn, text: "replays with the new code, and will then fail: " + cut(progress.ErrorLine(answer.Error))}
}

// reason is what a NonDeterminismError says of this execution, without what it
// says of all.
func reason(e *protocol.ErrorObject) string {
	line := progress.ErrorLine(&protocol.ErrorObject{ErrorMessage: e.ErrorMessage})
	line, _, _ = strings.Cut(line, "; ")
	return strings.TrimPrefix(line, "perdure: non-deterministic code at ")
}

// tell tells the verdicts.
func (f *devFunction) tell(v verdicts) {
	if v.unasked != "" {
		f.say(toneWarn, "%s", v.unasked)
	}
	if len(v.good) > 0 {
		f.say(tonePlain, "replays with the new code: %s", few(v.good))
	}
	for _, one := range v.bad {
		f.dev.screen.say(one.label, one.tone, "%s", one.text)
	}
	if slices.ContainsFunc(v.bad, func(one verdict) bool { return one.tone == toneBad }) {
		f.say(tonePlain, "hint: with the code as it was they go on; or take one back to where it fits: perdure fork EXECUTION --before OPERATION")
	}
	if v.more && v.unasked == "" {
		f.say(tonePlain, "only the newest %d open executions were replayed", maxRehearsed)
	}
}

// few lists names, but not too many.
func few(names []string) string {
	const most = 5
	text := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		text += ", …"
	}
	return text
}
