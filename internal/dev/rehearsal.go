package dev

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

const (
	// maxRehearsed bounds the open executions that are tried with a new build, the newest first, and rehearsalTime
	// the time for all of them.
	maxRehearsed  = 20
	rehearsalTime = 3 * time.Second
)

// verdicts say which open executions of a function can go on with a new build.
type verdicts struct {
	good    []string  // labels of those that can
	bad     []verdict // those that cannot, or may not
	unasked string    // why none was tried; empty if some were
	more    bool      // there are more than were tried
}

type verdict struct {
	label, tone, text string
	sides             string // lines below: what is recorded beside what the code does
}

// rehearseAll tries a build with the open executions of the function, before it takes over.
func (f *function) rehearseAll(ctx context.Context, code host.Code) (v verdicts) {
	open, next, err := f.loop.engine.List(ctx, &engine.ListRequest{MaxItems: maxRehearsed, Filter: engine.Filter{
		Function: f.Name, Qualifier: protocol.LatestVersion,
		Statuses: []protocol.ExecutionStatus{protocol.ExecutionRunning},
	}})
	if err != nil || len(open) == 0 || code.Function.Durable == nil {
		return v // a new function has none
	}
	v.more = next != ""
	code.Function.Timeout, code.For = rehearsalTime, host.Rehearsing
	with, err := f.loop.host.Run(&code)
	if err != nil {
		v.unasked = err.Error()
		return v
	}
	defer with.Close(ctx)
	ctx, cancel := context.WithTimeout(ctx, rehearsalTime)
	defer cancel()
	replaying := host.Rehearses(with, &code.Function, rehearsalTime)
	for _, x := range open {
		label := f.loop.followers.label(x.ARN)
		switch one := f.rehearse(ctx, replaying, x.ARN); {
		case one.text == "":
		case one.tone == good:
			v.good = append(v.good, label)
		default:
			one.label = label
			v.bad = append(v.bad, one)
		}
	}
	return v
}

// rehearse tries one execution. The verdict is empty if it is gone.
func (f *function) rehearse(ctx context.Context, with rehearsal.Code, arn string) verdict {
	var file bytes.Buffer
	if err := f.loop.engine.Export(ctx, arn, &file); err != nil {
		return verdict{}
	}
	rec, err := rehearsal.Read(file.Bytes())
	if err != nil {
		return verdict{tone: Warn, text: "may not replay with the new code: " + cut(err.Error())}
	}
	v := rec.Rehearse(ctx, with)
	switch {
	case v.Kind == rehearsal.NoAnswer:
		return verdict{tone: Warn, text: "may not replay with the new code: " + cut(v.Text)}
	case v.Kind == rehearsal.Fails:
		return verdict{tone: Warn, text: "may not go on with the new code: " + cut(v.Text)}
	case v.Kind != rehearsal.Replays:
		return verdict{tone: bad, sides: v.Sides(),
			text: "does not replay with the new code, and will fail when it goes on: " + cut(v.Text)}
	case len(v.Lost) > 0:
		return verdict{tone: Warn, text: "replays with the new code, but " + cut(v.Lost[0].String())}
	}
	return verdict{tone: good, text: "replays"}
}

// tell tells the verdicts.
func (f *function) tell(v verdicts) {
	if v.unasked != "" {
		f.say(Warn, "%s", v.unasked)
	}
	if len(v.good) > 0 {
		f.say(Plain, "replays with the new code: %s", few(v.good))
	}
	for _, one := range v.bad {
		f.loop.Screen.Say(one.label, one.tone, "%s", one.text)
		for line := range strings.Lines(one.sides) {
			f.loop.Screen.Say(one.label, Plain, "%s", strings.TrimSuffix(line, "\n"))
		}
	}
	if slices.ContainsFunc(v.bad, func(one verdict) bool { return one.tone == bad }) {
		f.say(Plain, "hint: with the code as it was they go on; or take one back to where it fits: perdure fork "+
			"EXECUTION --before OPERATION")
	}
	if v.more && v.unasked == "" {
		f.say(Plain, "only the newest %d open executions were replayed", maxRehearsed)
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
