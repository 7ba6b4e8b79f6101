package page

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

// recorded folds events, which get numbers.
func recorded(events ...protocol.Event) *record {
	r := &record{}
	for i := range events {
		events[i].ID = int64(i + 1)
		r.add(&events[i])
	}
	return r
}

// at is the time of an event, in seconds after the beginning.
func at(seconds float64) protocol.Timestamp {
	return began.Add(time.Duration(seconds * float64(time.Second)))
}

// drawn says the stretches of an operation.
func drawn(s *scene, id string) string {
	var all []string
	for _, b := range s.bars(s.record.byID[id]) {
		all = append(all, fmt.Sprintf("%s %.1f-%.1f", b.class, b.From.Sub(began).Seconds(), b.To.Sub(began).Seconds()))
	}
	return strings.Join(all, ", ")
}

// TestAttemptsAreSegments: each attempt of a step has its own part of the bar, apart from the pauses, from what is due
// and does not run, and from what was broken off.
func TestAttemptsAreSegments(t *testing.T) {
	start := func(id string, s float64) protocol.Event {
		return protocol.Event{Type: protocol.EventStepStarted, OpID: id, Time: at(s)}
	}
	fail := func(id string, s float64, attempt int, delay int64) protocol.Event {
		return protocol.Event{Type: protocol.EventStepFailed, OpID: id, Time: at(s), CurrentAttempt: attempt, NextAttemptDelay: delay,
			Error: &protocol.ErrorObject{ErrorType: "E"}}
	}
	end := func(id string, s float64, attempt int) protocol.Event {
		return protocol.Event{Type: protocol.EventStepSucceeded, OpID: id, Time: at(s), CurrentAttempt: attempt}
	}
	look := protocol.Event{Type: protocol.EventStepSucceeded, OpID: "a", Time: at(2), CurrentAttempt: 1, NextAttemptDelay: 5}
	for name, test := range map[string]struct {
		events []protocol.Event
		flying bool
		want   string
	}{
		"once": {events: []protocol.Event{start("a", 1), end("a", 3, 1)}, want: "run 1.0-3.0"},
		"retried": {events: []protocol.Event{start("a", 1), fail("a", 2, 1, 4), start("a", 7), end("a", 8, 2)},
			want: "failed 1.0-2.0, retry 2.0-6.0, queued 6.0-7.0, run 7.0-8.0"},
		"unstated": {events: []protocol.Event{fail("a", 2, 1, 4), end("a", 8, 2)}, want: "failed 2.0-2.0, retry 2.0-6.0, run 6.0-8.0"},
		"pending":  {events: []protocol.Event{start("a", 1), fail("a", 2, 1, 60)}, want: "failed 1.0-2.0, retry 2.0-10.0"},
		"due":      {events: []protocol.Event{start("a", 1), fail("a", 2, 1, 4)}, want: "failed 1.0-2.0, retry 2.0-6.0, queued 6.0-10.0"},
		"running": {events: []protocol.Event{start("a", 1), fail("a", 2, 1, 4), start("a", 6)}, flying: true,
			want: "failed 1.0-2.0, retry 2.0-6.0, run 6.0-10.0"},
		"crashed": {events: []protocol.Event{start("a", 1)}, want: "failed 1.0-4.0, queued 4.0-10.0"},
		"looks":   {events: []protocol.Event{start("a", 1), look}, want: "run 1.0-2.0, wait 2.0-7.0, queued 7.0-10.0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scene{record: recorded(test.events...), all: span{began, at(10)}, open: true,
				runs: []invocation{{Number: 1, span: span{began, at(4)}}}}
			if test.flying {
				s.flying = &span{at(6), at(10)}
			}
			if diff := cmp.Diff(test.want, drawn(s, "a")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// batch is a map of items: each succeeds, but for every fifth, which fails, and the last, which waits.
func batch(items int) []protocol.Event {
	events := []protocol.Event{{Type: protocol.EventContextStarted, OpID: "m", SubType: protocol.SubTypeMap, Name: "orders", Time: at(0)}}
	for i := range items {
		id := fmt.Sprint("i", i)
		item := protocol.Event{OpID: id, ParentID: "m", SubType: protocol.SubTypeMapIteration, Name: id, Time: at(1)}
		begin, end := item, item
		begin.Type, end.Type = protocol.EventContextStarted, protocol.EventContextSucceeded
		if i%5 == 3 {
			end.Type, end.Error = protocol.EventContextFailed, &protocol.ErrorObject{ErrorType: "E"}
		}
		if events = append(events, begin); i < items-1 {
			events = append(events, end)
		}
	}
	return events
}

// TestABatchIsFolded: to one row that says how far it is; unfolded it begins with what failed, then what goes on.
func TestABatchIsFolded(t *testing.T) {
	draw := func(query string) *timeline {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		s := &scene{record: recorded(batch(60)...), all: span{began, at(10)}, open: true}
		return s.draw(parsePlace(q), s.record.operations())
	}
	folded := draw("")
	if len(folded.Rows) != 1 || folded.Rows[0].Tally.Bad() != "12 failed" || folded.Rows[0].Tally.Done != 47 ||
		folded.Rows[0].Tally.Rest() != ", 1 running" {
		t.Fatalf("got %d rows, the first with %+v, want one with 47 of 60, 12 failed, 1 running", len(folded.Rows), folded.Rows[0].Tally)
	}
	for _, query := range []string{"open=1", "fold=none", "op=9"} {
		rows := draw(query).Rows
		if len(rows) != 61 || rows[1].Name != "i3" || rows[12].Class != "bad" || rows[13].Class != "open" || rows[14].Class != "good" {
			t.Errorf("%s: got %d rows, of which the second is %s, and then %s, %s, %s; want what failed first, and then what runs",
				query, len(rows), rows[1].Name, rows[12].Class, rows[13].Class, rows[14].Class)
		}
	}
	if rows := draw("fold=none&shut=1").Rows; len(rows) != 1 {
		t.Errorf("got %d rows of what was folded by itself, want 1", len(rows))
	}
	few := &scene{record: recorded(batch(4)...), all: span{began, at(10)}}
	if rows := few.draw(parsePlace(nil), few.record.operations()).Rows; len(rows) != 5 {
		t.Errorf("got %d rows of a few, want all 5", len(rows))
	}
}

// TestRowsAreWindows: whatever row is asked for, a bounded number is sent, and what is not has its height.
func TestRowsAreWindows(t *testing.T) {
	s := &scene{record: recorded(batch(3000)...), all: span{began, at(10)}, open: true}
	for _, first := range []int{0, 1, 1500, 2950, 3001, 1 << 40} {
		line := s.draw(parsePlace(url.Values{"fold": {"none"}, "at": {fmt.Sprint(first)}}), s.record.operations())
		if n := len(line.Rows); n == 0 || n > rowsSent || line.Above+line.Below+n*rowHeight != 3001*rowHeight {
			t.Errorf("from %d: %d rows, %d above and %d below", first, n, line.Above, line.Below)
		}
	}
}

// TestThePlaceIsInTheAddress: what is folded or unfolded by hand, and that twice is as before.
func TestThePlaceIsInTheAddress(t *testing.T) {
	p := parsePlace(url.Values{"arn": {"a"}, "open": {"3.17"}})
	once, err := url.ParseQuery(strings.TrimPrefix(p.Toggle(17, true), "?"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(url.Values{"arn": {"a"}, "open": {"3"}, "shut": {"17"}}, once); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := parsePlace(once).Toggle(17, false), "?arn=a&open=3.17"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	many := parsePlace(url.Values{"open": {strings.Repeat("1.2.3.x.-5.", 5000)}, "at": {"-7"}, "op": {"x"}, "view": {"<script>"}})
	if len(many.open) > maxNumbers || many.first != 0 || many.operation != 0 || many.view != "timeline" {
		t.Errorf("got %+v of nonsense", many)
	}
}

// TestWhatIsLeftBehindDoesNotGoOn: an operation that has not ended when its context or the execution did has no time
// after that, is neither running nor waiting, and cannot be waited for.
func TestWhatIsLeftBehindDoesNotGoOn(t *testing.T) {
	open := func(typ protocol.EventType, id string) protocol.Event {
		return protocol.Event{Type: typ, OpID: id, ParentID: "c", Name: id, Time: at(1), ScheduledEnd: at(99)}
	}
	context := protocol.Event{Type: protocol.EventContextStarted, OpID: "c", Name: "c", Time: at(1)}
	fail := open(protocol.EventStepFailed, "retried")
	fail.Time, fail.CurrentAttempt, fail.NextAttemptDelay, fail.Error = at(2), 1, 60, &protocol.ErrorObject{ErrorType: "E"}
	events := []protocol.Event{context,
		open(protocol.EventStepStarted, "step"), open(protocol.EventWaitStarted, "wait"), open(protocol.EventCallbackStarted, "callback"),
		open(protocol.EventChainedInvokeStarted, "invoke"), open(protocol.EventContextStarted, "inner"),
		open(protocol.EventStepStarted, "retried"), fail}
	deep := open(protocol.EventWaitStarted, "deep")
	deep.ParentID = "inner"
	events = append(events, deep)
	for name, last := range map[string]protocol.Event{
		"the context":   {Type: protocol.EventContextSucceeded, OpID: "c", Time: at(4)},
		"the execution": {Type: protocol.EventExecutionStopped, Time: at(4)},
	} {
		s := &scene{record: recorded(append(slices.Clone(events), last)...), all: span{began, at(10)}, open: last.OpID != "",
			flying: &span{at(0), at(10)}, runs: []invocation{{Number: 1, span: span{at(0), at(10)}}}}
		rows := s.draw(parsePlace(nil), s.record.operations()).Rows
		if len(rows) != 8 {
			t.Fatalf("got %d rows, want 8", len(rows))
		}
		if tally := rows[0].Tally; *tally != (struct {
			All, Done, Failed, Retrying, Running, Waiting, Left int
		}{All: 6, Left: 6}) || tally.Rest() != ", 6 did not end" {
			t.Errorf("%s ended: got the tally %+v%s, want 6 that did not end", name, *tally, tally.Rest())
		}
		for _, r := range rows[1:] {
			if r.Class != "gone" || r.State != "did not end" || r.End != at(4) || r.Until != 0 {
				t.Errorf("%s ended: %s is %q, %s, until %v, and goes on at %v; want one that did not end, until then", name, r.Name,
					r.Class, r.State, r.End.Sub(began), r.Until)
			}
			bars := strings.Split(drawn(s, r.Name), "-")
			if end := bars[len(bars)-1]; end != "4.0" {
				t.Errorf("%s ended: the bar of %s is %s, want one until 4.0", name, r.Name, drawn(s, r.Name))
			}
		}
	}
}

// TestTimeBetweenInvocationsIsTold: a pause, what was waited for after an invocation that failed, and what is wanted
// now. None of them covers another, or the time in which the function ran.
func TestTimeBetweenInvocationsIsTold(t *testing.T) {
	reason := "to mend it"
	run := func(number int, from, to float64, failure string) invocation {
		return invocation{Number: number, span: span{at(from), at(to)}, Failure: failure}
	}
	pause := protocol.Event{Type: protocol.EventExecutionPaused, Time: at(4), By: "ann", Payload: &reason}
	resume := protocol.Event{Type: protocol.EventExecutionResumed, Time: at(6)}
	stop := protocol.Event{Type: protocol.EventExecutionStopped, Time: at(8)}
	for name, test := range map[string]struct {
		events []protocol.Event
		runs   []invocation
		wanted *stretch
		want   string
	}{
		"nothing": {runs: []invocation{run(1, 0, 1, ""), run(2, 5, 6, "")}},
		"failed":  {runs: []invocation{run(1, 0, 1, "E"), run(2, 3, 5, "E"), run(3, 5, 9, "")}, want: "retry 1-3"},
		"paused":  {events: []protocol.Event{pause}, runs: []invocation{run(1, 0, 1, "E")}, want: "paused 4-10 paused by ann: to mend it"},
		"resumed": {events: []protocol.Event{pause, resume}, runs: []invocation{run(1, 0, 1, "E"), run(2, 7, 9, "")},
			want: "retry 1-4, paused 4-6 paused by ann: to mend it"},
		"given up": {events: []protocol.Event{stop}, runs: []invocation{run(1, 0, 1, "E")}, want: "retry 1-8"},
		"stopped":  {events: []protocol.Event{pause, stop}, want: "paused 4-8 paused by ann: to mend it"},
		"next": {runs: []invocation{run(1, 0, 1, "E"), run(2, 3, 5, "E")},
			wanted: &stretch{span{at(1), at(10)}, "retry", ""}, want: "retry 1-3, retry 5-10"},
		"next, resumed": {events: []protocol.Event{pause, resume}, runs: []invocation{run(1, 0, 1, "E")},
			wanted: &stretch{span{at(1), at(10)}, "queued", ""}, want: "paused 4-6 paused by ann: to mend it, queued 6-10"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scene{record: recorded(test.events...), all: span{began, at(10)}, open: true, runs: test.runs, wanted: test.wanted}
			var got []string
			for _, p := range s.draw(parsePlace(nil), s.record.operations()).Between {
				var x, width float64
				fmt.Sscanf(p.X+p.Width, "%f%%%f%%", &x, &width)
				one := fmt.Sprintf("%s %.0f-%.0f", p.Class, x/10, (x+width)/10)
				if p.Class == "paused" {
					one += " " + p.Title[:strings.LastIndex(p.Title, ", from")][:len("paused by ann: to mend it")]
				}
				got = append(got, one)
			}
			if diff := cmp.Diff(test.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestShortAttemptsAreSeen: they are drawn over the pauses beside them.
func TestShortAttemptsAreSeen(t *testing.T) {
	start := protocol.Event{Type: protocol.EventStepStarted, OpID: "a", Time: at(0)}
	fail := protocol.Event{Type: protocol.EventStepFailed, OpID: "a", Time: at(0.001), CurrentAttempt: 1, NextAttemptDelay: 5,
		Error: &protocol.ErrorObject{ErrorType: "E"}}
	s := &scene{record: recorded(start, fail), all: span{began, at(1000)}, open: true}
	var got []string
	for _, part := range s.draw(parsePlace(nil), s.record.operations()).Rows[0].Parts {
		got = append(got, part.Class)
	}
	if diff := cmp.Diff([]string{"retry", "queued", "failed"}, got); diff != "" {
		t.Errorf("the last is on top (-want +got):\n%s", diff)
	}
}

// TestAContextCountsAsWhatIsInIt: one in which all waits does not run.
func TestAContextCountsAsWhatIsInIt(t *testing.T) {
	const waits, runs = protocol.EventWaitStarted, protocol.EventStepStarted
	begin := func(typ protocol.EventType, id, parent string) protocol.Event {
		return protocol.Event{Type: typ, OpID: id, ParentID: parent, Time: at(1)}
	}
	context := func(id, parent string) protocol.Event { return begin(protocol.EventContextStarted, id, parent) }
	fail := protocol.Event{Type: protocol.EventStepFailed, OpID: "s", Time: at(2), CurrentAttempt: 1, NextAttemptDelay: 60,
		Error: &protocol.ErrorObject{ErrorType: "E"}}
	done := protocol.Event{Type: protocol.EventStepSucceeded, OpID: "s", Time: at(2)}
	for name, test := range map[string]struct {
		inside []protocol.Event
		want   string
	}{
		"nothing":     {nil, ", 1 running"},
		"a wait":      {[]protocol.Event{begin(waits, "w", "b")}, ", 1 waiting"},
		"a callback":  {[]protocol.Event{context("x", "b"), begin(protocol.EventCallbackStarted, "c", "x")}, ", 1 waiting"},
		"both":        {[]protocol.Event{begin(runs, "s", "b"), begin(waits, "w", "b")}, ", 1 running"},
		"both, later": {[]protocol.Event{begin(waits, "w", "b"), begin(runs, "s", "b")}, ", 1 running"},
		"a retry":     {[]protocol.Event{begin(waits, "w", "b"), begin(runs, "r", "b"), begin(runs, "s", "b"), fail}, ", 1 retrying"},
		"what ended":  {[]protocol.Event{begin(runs, "s", "b"), done, begin(waits, "w", "b")}, ", 1 waiting"},
	} {
		events := append([]protocol.Event{context("a", ""), context("b", "a")}, test.inside...)
		s := &scene{record: recorded(events...), all: span{began, at(10)}, open: true}
		if got := s.draw(parsePlace(nil), s.record.operations()).Rows[0].Tally.Rest(); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
