package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// Explanation says why an execution is where it is.
type Explanation struct {
	ARN    string
	Status protocol.ExecutionStatus
	Text   string // the answer in one line
	// Reasons are the first 100, the more telling ones first. A closed execution has none.
	Reasons  []Reason
	Total    int                // how many reasons there are
	TimesOut protocol.Timestamp // when an open execution times out
	// SideBySide has, in lines, what was recorded beside what the code did, if that was something else, and the
	// execution failed of it; empty otherwise.
	SideBySide string
	// Parent is the execution that invoked this one, Origin the one of which it is a fork; empty if there is none.
	Parent, Origin string
	// Forks are the executions that were last made of this one, the newest last: at most 20.
	Forks []Fork
	Tags  map[string]string
	// Ended is how many operations have ended, of those that have begun; contexts with operations of their own do not
	// count.
	Ended, Begun int
}

// Fork is an execution that was made of another one.
type Fork struct {
	ARN     string
	Redrive bool   // it tries again what failed
	By      string // who asked for it; empty if that is not known
	At      protocol.Timestamp
	Status  protocol.ExecutionStatus // empty for one that was deleted
}

// Redriven returns the newest fork that tries again what failed, or nil.
func (x *Explanation) Redriven() *Fork {
	for i := len(x.Forks) - 1; i >= 0; i-- {
		if x.Forks[i].Redrive {
			return &x.Forks[i]
		}
	}
	return nil
}

// Reason is one thing that an execution is at, or waits for. Members that do not apply to its kind are zero.
type Reason struct {
	Kind string // package machine has the names, and two are below
	Text string
	// Since is when it began, Until when it ends if nothing happens before.
	Since, Until protocol.Timestamp
	// Heartbeat and Timeout belong to a callback: when it times out without a heartbeat, and when in any case.
	Heartbeat, Timeout protocol.Timestamp
	// OperationID and Type are those of the operation that it is about; Name is for people.
	OperationID string
	Type        protocol.OperationType
	Name        string
	Count       int // the number of the invocation, or of tries
	Error       *protocol.ErrorObject
	By          string // who asked for a pause
	CallbackID  string // completes the callback
	// Function is what a chained invoke called, Execution what it started; empty for a plain function.
	Function, Execution string
}

// Kinds that package machine calls queued; the functions tell the difference.
const (
	// ReasonUnregistered: the function is not registered, or its version cannot be run.
	ReasonUnregistered = "unregistered"
	// ReasonNoPlace: the function has as many invocations as it may have at one time.
	ReasonNoPlace = "no place"
)

const (
	maxReasons  = 100
	inOneLine   = 3   // reasons in the one line
	maxFollowed = 4   // executions that the one line follows, each waiting for the next
	maxReason   = 200 // characters of what others wrote
)

// Explain says why an execution is where it is. An unknown one is a ResourceNotFoundException.
func (e *Engine) Explain(ctx context.Context, arn string) (*Explanation, error) {
	return (&explainer{e.ledger, e.functions}).explain(ctx, arn, 0)
}

// explainer words the machine's reasons, with what it knows of functions.
type explainer struct {
	ledger    *ledger
	functions *Functions
}

func (e *explainer) explain(ctx context.Context, arn string, followed int) (*Explanation, error) {
	x := &Explanation{ARN: arn}
	var facts []machine.Reason
	var ops []*protocol.Operation
	var divergence *rehearsal.Divergence
	how := "" // it closed
	var forks []machine.Fork
	at := e.ledger.now()
	err := e.ledger.glance(ctx, arn, func(execution *machine.Execution) {
		x.Status = execution.Status()
		x.Parent, x.Origin = execution.Identity().ParentARN, execution.Identity().OriginARN
		x.Tags = execution.Identity().Tags
		x.Ended, x.Begun = execution.Progress()
		forks = execution.Forks()
		facts = execution.Explain(at) // snapshots, which may be kept
		if !x.Status.Closed() {
			x.TimesOut = execution.TimesOut()
			return
		}
		_, failure := execution.Result()
		if divergence = rehearsal.Parse(failure); divergence != nil {
			ops = execution.Operations()
			return
		}
		how = by(execution.StoppedBy()) + because(failure.Line())
	})
	if err != nil {
		return nil, err
	}
	x.Total = len(facts)
	if followed == 0 {
		if x.Forks, err = e.forks(ctx, forks); err != nil {
			return nil, err
		}
	}
	parsed, err := protocol.ParseARN(arn)
	if err != nil {
		return nil, err
	}
	calling := e.calling(parsed.ID)
	for i := range facts[:min(len(facts), maxReasons)] {
		r := e.reason(&parsed, &facts[i], at)
		if t := facts[i].Target; t != nil && calling[r.OperationID] == nil {
			r.Text += e.explainCall(t)
		}
		x.Reasons = append(x.Reasons, r)
	}
	x.Text = e.oneLine(ctx, x, followed) + how
	if divergence != nil {
		x.Text += ", because the code did not do what was recorded: " + divergence.Line()
		x.SideBySide = rehearsal.Sides(ops, divergence)
	}
	if again := x.Redriven(); again != nil {
		x.Text += "; " + again.words()
	}
	return x, nil
}

// forks says what became of forks.
func (e *explainer) forks(ctx context.Context, made []machine.Fork) (forks []Fork, err error) {
	for _, f := range made {
		fork := Fork{ARN: f.ARN, Redrive: f.Redrive, By: f.By, At: f.At}
		row, err := e.ledger.known(ctx, f.ARN)
		switch _, refused := errors.AsType[*protocol.Error](err); {
		case err == nil:
			fork.Status = row.Status
		case !refused:
			return nil, err
		}
		forks = append(forks, fork)
	}
	return forks, nil
}

// Name is the fork's name.
func (f *Fork) Name() string {
	arn, _ := protocol.ParseARN(f.ARN) // it was one of ours
	return arn.Name
}

// words say who made a redrive, and as what.
func (f *Fork) words() string {
	return "redriven as " + f.Name() + by(f.By)
}

// oneLine joins the most telling reasons. If the first is another execution, the reasons of that one follow.
func (e *explainer) oneLine(ctx context.Context, x *Explanation, followed int) string {
	if x.Status.Closed() {
		return "closed: " + string(x.Status)
	}
	var texts []string
	for i := range x.Reasons[:min(len(x.Reasons), inOneLine)] {
		texts = append(texts, x.Reasons[i].Text)
	}
	if rest := x.Total - len(texts); rest > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", rest))
	}
	if len(texts) == 0 {
		return "waits for nothing: that is a mistake of the engine"
	}
	if child := x.Reasons[0].Execution; child != "" && followed < maxFollowed {
		if why, err := e.explain(ctx, child, followed+1); err == nil {
			texts[0] += ": " + why.Text
		}
	}
	return strings.Join(texts, "; ")
}

func (e *explainer) reason(arn *protocol.ARN, f *machine.Reason, at protocol.Timestamp) Reason {
	r := Reason{
		Kind: string(f.Kind), Since: f.Since, Until: f.Until, Name: f.Label, Count: f.Count, Error: f.Error,
		Heartbeat: f.Heartbeat, Timeout: f.Timeout, By: f.By,
	}
	if o := f.Operation; o != nil {
		r.OperationID, r.Type, r.CallbackID = o.ID, o.Type, o.CallbackID
	}
	if t := f.Target; t != nil {
		r.Function, r.Execution = t.Function, t.ARN
	}
	switch f.Kind {
	case machine.ReasonQueued:
		e.explainQueue(arn, &r, at)
	case machine.ReasonRunning:
		r.Text = fmt.Sprintf("invocation %d running for %s", r.Count, ago(r.Since, at))
		if fn := e.functions.find(arn.Function, arn.Version); fn != nil {
			r.Until = r.Since.Add(fn.Timeout)
			r.Text += ", times out " + until(r.Until, at)
		}
	default:
		r.Text = wording(f, at)
	}
	return r
}

// calling returns the operation ids of the calls of plain functions that are under way for an execution.
func (e *explainer) calling(id string) map[string]endFunc {
	l, release := e.ledger.hold(id)
	defer release()
	return maps.Clone(l.calls)
}

// explainCall says what a call of a plain function waits for before it begins.
func (e *explainer) explainCall(t *machine.InvokeTarget) string {
	if t.ARN != "" {
		return "" // the child has reasons of its own
	}
	name, _, err := e.functions.home.parseRef(t.Function, "")
	if err != nil {
		return ""
	}
	f := e.functions.find(name, t.Version)
	switch {
	case f == nil:
		return ", which is not registered"
	case e.functions.fleet.ranElsewhere(f):
		return ", which another node of the fleet has to make"
	case f.Invoker == nil:
		return ", which cannot be run: " + f.whyIdle()
	case f.absent():
		return ", of which nothing is there that runs it"
	case len(f.places) == cap(f.places):
		return ", which " + e.atItsLimit(f)
	}
	return ""
}

// atItsLimit says of a function that it has as many invocations as it may have.
func (e *explainer) atItsLimit(f *function) string {
	if n := e.functions.fleet.shares.usable(f); n > 1 {
		return fmt.Sprintf("runs %d invocations, as many as it may at one time", n)
	}
	return "runs 1 invocation, as many as it may at one time"
}

// explainQueue says what an invocation waits for before it begins.
func (e *explainer) explainQueue(arn *protocol.ARN, r *Reason, at protocol.Timestamp) {
	f := e.functions.find(arn.Function, arn.Version)
	name := arn.Function
	if arn.Version != protocol.LatestVersion {
		name += ":" + arn.Version
	}
	switch {
	case f == nil:
		r.Kind, r.Text = ReasonUnregistered, fmt.Sprintf("function %s is not registered", name)
	case e.functions.fleet.ranElsewhere(f):
		r.Text = fmt.Sprintf("has waited for %s for another node of the fleet, which runs function %s",
			ago(r.Since, at), name)
	case f.Invoker == nil:
		r.Kind, r.Text = ReasonUnregistered, fmt.Sprintf("function %s cannot be run: %s", name, f.whyIdle())
	case f.absent():
		r.Text = fmt.Sprintf("has waited for %s for function %s: nothing is there that runs it", ago(r.Since, at), name)
	case len(f.places) == cap(f.places):
		r.Kind = ReasonNoPlace
		r.Text = fmt.Sprintf("has waited for a place for %s: function %s %s", ago(r.Since, at), name, e.atItsLimit(f))
	default:
		r.Text = "an invocation is about to begin"
	}
}

// wording words a fact for which functions do not matter.
func wording(f *machine.Reason, at protocol.Timestamp) string {
	switch f.Kind {
	case machine.ReasonInStep:
		return fmt.Sprintf("in step %s for %s%s", f.Label, ago(f.Since, at), attempt(f.Count))
	case machine.ReasonClosing:
		return "the result is in, and the execution closes when its invocation ends"
	case machine.ReasonPausing:
		return "pauses when its invocation checkpoints or ends" + by(f.By) + because(f.Text)
	case machine.ReasonPaused:
		return fmt.Sprintf("paused for %s", ago(f.Since, at)) + by(f.By) + because(f.Text)
	case machine.ReasonFailing:
		return failing("failed", f, at)
	case machine.ReasonUnreached:
		return failing("did not reach the function", f, at)
	case machine.ReasonForgotten:
		return "its function ended without waiting for anything; it is invoked again " + until(f.Until, at)
	case machine.ReasonRetry:
		return fmt.Sprintf("step %s failed %s; attempt %d %s%s",
			f.Label, times(f.Count), f.Count+1, until(f.Until, at), because(f.Error.Line()))
	case machine.ReasonPoll:
		return fmt.Sprintf("step %s has looked %s, looks again %s", f.Label, times(f.Count), until(f.Until, at))
	case machine.ReasonCallback:
		return fmt.Sprintf("waits for callback %s for %s", f.Label, ago(f.Since, at)) + timeouts(f, at)
	case machine.ReasonInvoke:
		return fmt.Sprintf("waits for %s for %s", callee(f.Target), ago(f.Since, at))
	case machine.ReasonWait:
		return fmt.Sprintf("wait %s ends %s", f.Label, until(f.Until, at))
	}
	return string(f.Kind)
}

// timeouts says what ends a callback that nobody completes: its timeout, or a heartbeat that does not come.
func timeouts(f *machine.Reason, at protocol.Timestamp) string {
	byTimeout := "times out " + until(f.Timeout, at)
	byHeartbeat := "times out " + until(f.Heartbeat, at) + " unless a heartbeat comes"
	switch {
	case f.Heartbeat == 0 && f.Timeout == 0:
		return ""
	case f.Heartbeat == 0 || f.Timeout != 0 && f.Timeout <= f.Heartbeat:
		return ", " + byTimeout
	case f.Timeout == 0:
		return ", " + byHeartbeat
	}
	return ", " + byHeartbeat + ", and " + until(f.Timeout, at) + " in any case"
}

// failing words a row of invocations that ended badly. While another one is in flight there is no next try.
func failing(what string, f *machine.Reason, at protocol.Timestamp) string {
	s := "the last invocation " + what
	if f.Count > 1 {
		s = fmt.Sprintf("%d invocations in a row %s", f.Count, what)
	}
	if line := f.Error.Line(); line != "" {
		s += " (" + text.Clip(line, maxReason) + ")"
	}
	if f.Until > at { // if not, another reason says what it waits for
		s += "; next try " + until(f.Until, at)
	}
	return s
}

func callee(t *machine.InvokeTarget) string {
	arn, err := protocol.ParseARN(t.ARN)
	if err != nil {
		return "function " + t.Function
	}
	return fmt.Sprintf("execution %s of %s", arn.Name, arn.Function)
}

func attempt(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", attempt %d", n)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func ago(since, at protocol.Timestamp) string { return text.Duration(at.Sub(since)) }

// until words how long after at a moment comes. If it passed more than a second ago, the engine is behind.
func until(moment, at protocol.Timestamp) string {
	switch late := at.Sub(moment); {
	case moment != 0 && late >= time.Second:
		return "now, " + text.Duration(late) + " late: the engine is behind"
	case moment <= at:
		return "now"
	}
	return "in " + text.Duration(moment.Sub(at))
}

// by says who asked for something, if that is known.
func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + text.Clip(who, maxReason)
}

// because puts words, if there are any, at the end of a sentence.
func because(words string) string {
	if words == "" {
		return ""
	}
	return ": " + text.Clip(words, maxReason)
}
