package durabletest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// fault is one thing that goes wrong, at one place of a run. Its text is what Explore prints and [Schedule] reads.
type fault struct {
	what  what
	place place
}

func (f fault) String() string { return string(f.what) + " " + string(f.place) }

// what goes wrong. Some have a parameter behind a colon.
type what string

const (
	kill      what = "kill"      // the process dies
	timeout   what = "timeout"   // the invocation hangs until the function's timeout
	refused   what = "refused"   // the connection fails before the service gets the call
	lost      what = "lost"      // the connection fails after the service did what was asked
	throttled what = "throttled" // the service answers 429
	failing   what = "failing"   // the service answers 500
	stale     what = "stale"     // the service says that the token is not the current one
	pause     what = "pause"     // somebody pauses the execution, and resumes it a second later: the reply has no token
	forget    what = "forget"    // a context's result is not recorded, as if it were too large; then the process dies
	deploy    what = "deploy"    // the process dies, and from then on the next version of the handler runs
	pages     what = "pages"     // the state comes in pages of so many operations
	late      what = "late"      // an answer comes later by so much
	hold      what = "hold"      // the function's answer comes after so many more timers have fired
)

func (w what) with(parameter any) what { return what(fmt.Sprintf("%s:%v", w, parameter)) }

func (w what) split() (kind what, parameter string) {
	before, after, _ := strings.Cut(string(w), ":")
	return what(before), after
}

// place is where in a run a fault strikes, in words that are the same in every run: kind, name, and, from the second
// time on, which time.
type place string

// sort is what happens at a place, and so which faults can strike there.
type sort int

const (
	invocationBegins sort = iota // with a number of recorded operations
	bodyBegins
	effectHappens
	recordBegins // a checkpoint is about to be made
	recordEnds   // a checkpoint was made, and the function has not heard of it
	contextEnds  // beside recordBegins, for the result of a context
	pageIsRead
	answerComes       // of a called function or to a callback
	invocationPending // the function answered that it is suspended
	invocationEnds    // the function answered with the outcome
)

// whats are the faults that can strike at a place of a sort. size is the number of operations there.
func (s sort) whats(size int, deploys bool) (list []what) {
	switch s {
	case invocationBegins:
		list = append(list, kill)
		for n := 1; n < size; n++ {
			list = append(list, pages.with(n))
		}
	case bodyBegins:
		list = append(list, kill, timeout)
	case effectHappens:
		list = append(list, kill)
	case recordBegins:
		list = append(list, kill, timeout, refused, throttled, failing, stale, pause)
	case recordEnds:
		list = append(list, kill, timeout, lost)
	case contextEnds:
		list = append(list, forget)
	case pageIsRead:
		list = append(list, kill, refused, throttled, failing, timeout)
	case answerComes:
		list = append(list, late.with(time.Millisecond), late.with(2*time.Millisecond), late.with(time.Hour))
	case invocationPending:
		list = append(list, kill, hold.with(1), hold.with(2), hold.with(9))
	case invocationEnds:
		list = append(list, kill)
	}
	if deploys && slices.Contains(list, kill) {
		list = append(list, deploy)
	}
	return list
}

// suffers reports whether a fault can strike at a place of a sort.
func (s sort) suffers(w what) bool {
	kind, _ := w.split()
	return slices.ContainsFunc(s.whats(2, true), func(other what) bool {
		can, _ := other.split()
		return can == kind
	})
}

// schedule is what goes wrong in one run.
type schedule []fault

func (s schedule) String() string {
	lines := make([]string, len(s))
	for i, f := range s {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// parseSchedule reads what String wrote.
func parseSchedule(text string) (s schedule, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		w, where, _ := strings.Cut(line, " ")
		kind, parameter := what(w).split()
		if !slices.Contains(allWhats, kind) {
			return nil, fmt.Errorf("%q is not a fault that there is; a schedule has lines such as: kill before "+
				"SUCCEED 1", line)
		}
		if (kind == pages || kind == late || kind == hold) != (parameter != "") {
			return nil, fmt.Errorf("%q: only %s, %s and %s have a number behind a colon", line, pages, late, hold)
		}
		if _, err := parameterOf(what(w)); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		s = append(s, fault{what(w), place(where)})
	}
	if len(s) == 0 {
		return nil, fmt.Errorf("the schedule is empty; give the text that Explore printed")
	}
	return s, nil
}

var allWhats = []what{kill, timeout, refused, lost, throttled, failing, stale, pause, forget, deploy, pages, late, hold}

// parameterOf is the number behind the colon: a count, or nanoseconds.
func parameterOf(w what) (n int64, err error) {
	switch kind, text := w.split(); kind {
	case late:
		var d time.Duration
		if d, err = time.ParseDuration(text); err == nil && d <= 0 {
			err = fmt.Errorf("an answer comes later by more than nothing")
		}
		return int64(d), err
	case pages, hold:
		if _, err = fmt.Sscan(text, &n); err == nil && n < 1 {
			err = fmt.Errorf("a number is at least 1")
		}
		return n, err
	}
	return 0, nil
}
