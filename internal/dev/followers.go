package dev

import (
	"context"
	"regexp"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// maxFollowed bounds how many executions are shown line by line at a time.
const maxFollowed = 200

// followers shows all invoked executions, and the output of functions.
type followers struct {
	screen *Screen
	engine *engine.Engine
	alone  bool      // there is one function, so its name need not be shown
	since  time.Time // executions that started earlier have gone on before
	ctx    context.Context

	mu       sync.Mutex
	byARN    map[string]*follower
	byName   map[string]*progress.View // of functions, for output of no execution
	crowded  bool                      // told that there are too many to show
	finished sync.WaitGroup
}

// follower shows one execution.
type follower struct {
	name string // of the execution, as it is shown
	view *progress.View
	out  *labelled
}

func newFollowers(ctx context.Context, s *Screen, e *engine.Engine) *followers {
	return &followers{
		screen: s, engine: e, since: time.Now(), ctx: ctx,
		byARN: map[string]*follower{}, byName: map[string]*progress.View{},
	}
}

// meet begins to follow the execution of an invocation, unless it is followed.
func (f *followers) meet(inv *engine.Invocation) {
	arn := inv.ExecutionARN
	if arn == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byARN[arn] != nil || f.ctx.Err() != nil {
		return
	}
	if len(f.byARN) >= maxFollowed {
		if !f.crowded {
			f.crowded = true
			f.screen.Say("", Plain, "perdure: more than %d executions run at a time; not all are shown here",
				maxFollowed)
		}
		return
	}
	label := f.label(arn)
	out := f.screen.about(label)
	one := &follower{name: label, out: out, view: progress.New(out, progress.Options{Color: f.screen.color})}
	f.byARN[arn] = one
	f.finished.Go(func() {
		f.follow(arn, one)
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.byARN, arn)
	})
}

var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// label is an execution's name on the screen, behind its function's if there are several; of a UUID eight
// characters are enough.
func (f *followers) label(arn string) string {
	parsed, err := protocol.ParseARN(arn)
	if err != nil {
		return arn
	}
	name := parsed.Name
	if uuidPattern.MatchString(name) {
		name = name[:8]
	}
	if f.alone {
		return name
	}
	return parsed.Function + "/" + name
}

// follow shows an execution until it ends.
func (f *followers) follow(arn string, one *follower) {
	defer one.view.Close()
	recorded, input := f.lookBack(arn)
	one.out.muted.Store(recorded > 0)
	switch {
	case recorded > 0:
		f.screen.Say(one.name, Plain, "goes on; %d events so far", recorded)
	default:
		f.screen.Say(one.name, Plain, "started%s", with(input))
	}
	one.view.Resume(recorded)
	events := f.events(arn)
	var held *protocol.Event
	for {
		e := held
		if e == nil {
			e = <-events
		}
		if e == nil {
			return
		}
		held = nil
		if e.Type == protocol.EventStepStarted || e.Type == protocol.EventContextStarted {
			held = soon(events)
		}
		// If an operation is over at once, its start is no news.
		one.out.muted.Store(e.ID <= recorded || held != nil && held.OpID == e.OpID)
		one.view.Event(e)
		if e.EndsExecution() {
			one.tellEnd(f.screen, e)
		}
	}
}

// events yields the events of an execution until it has ended or was deleted, or the engine closes.
func (f *followers) events(arn string) <-chan *protocol.Event {
	events := make(chan *protocol.Event)
	f.finished.Go(func() {
		defer close(events)
		for e, err := range f.engine.Watch(f.ctx, arn) {
			if err != nil {
				return
			}
			events <- e
		}
	})
	return events
}

// atOnce is the time within which a step must end for its start not to be shown.
const atOnce = 100 * time.Millisecond

// soon returns the next event, or nil if it does not come at once.
func soon(events <-chan *protocol.Event) *protocol.Event {
	timer := time.NewTimer(atOnce)
	defer timer.Stop()
	select {
	case e := <-events:
		return e
	case <-timer.C:
		return nil
	}
}

// lookBack returns the number of events recorded before we came, and the event with which the execution started.
func (f *followers) lookBack(arn string) (recorded int64, input *string) {
	d, err := f.engine.Describe(f.ctx, arn)
	if err != nil || !d.Started.Time().Before(f.since) {
		if d != nil {
			input = d.Input
		}
		return 0, input
	}
	events, _, err := f.engine.History(f.ctx, &engine.HistoryRequest{ARN: arn, MaxItems: 1, NewestFirst: true})
	if err == nil && len(events) > 0 {
		recorded = events[0].ID
	}
	return recorded, nil
}

// tellEnd shows the result, or the error.
func (one *follower) tellEnd(s *Screen, e *protocol.Event) {
	switch {
	case e.Error != nil:
		s.Say(one.name, bad, "%s", cut(progress.ErrorLine(e.Error)))
	case e.Payload != nil:
		s.Say(one.name, Plain, "result%s", with(e.Payload))
	}
}

// maxShown bounds a shown payload or error, in characters.
const maxShown = 400

func with(payload *string) string {
	if payload == nil || *payload == "" {
		return ""
	}
	return " " + cut(cli.Payload(*payload))
}

func cut(s string) string { return text.Clip(s, maxShown) }

// output returns a function that shows the function's lines.
func (f *followers) output(function string) func(engine.LogLine) {
	return func(line engine.LogLine) {
		f.viewOf(function, line.ExecutionARN).Log(line.Text)
	}
}

func (f *followers) viewOf(function, arn string) *progress.View {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.byARN[arn]; one != nil {
		return one.view
	}
	v := f.byName[function]
	if v == nil {
		v = progress.New(f.screen.about(function), progress.Options{Color: f.screen.color})
		f.byName[function] = v
	}
	return v
}
