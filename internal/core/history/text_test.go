package history

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

// everything has an operation of each type, each kind of end, and values of each form.
const everything = TextHeader + `
INPUT {"order":"o-1"}
1 Step "charge \"it\""
  attempt 1 PENDING error {"ErrorMessage":"no\nanswer","ErrorType":"Error"}
  attempt 2 SUCCEEDED {"receipt":"<r-1>","sum":1.50}
2 Context/WaitForCallback "approve"
  2-1 Callback "approve-callback" timeout=60 heartbeat=10
    SUCCEEDED text "granted"
  2-2 Step "approve-submitter"
    attempt 1 SUCCEEDED
  SUCCEEDED text ""
3 Context/Map "items"
  3-1 Context/MapIteration "a"
    3-1-1 Callback "" timeout=1
      TIMED_OUT error {"ErrorType":"Callback.Timeout"}
    FAILED error {"ErrorMessage":"no","ErrorType":"X"}
  3-2 Context/MapIteration "b"
  3-10 Context/MapIteration "c"
    SUCCEEDED [1,2]
  SUCCEEDED {
    "about": "a value that is too long for one line, so that differences in it can be seen",
    "items": [
      1,
      2
    ]
  }
4 ChainedInvoke "ask" function="seats:1" tenant="a \" b"
  INPUT "EC 173"
  STOPPED error {"ErrorType":"X"}
5 Step/WaitForCondition "poll"
  attempt 1 PENDING {"n":1}
  attempt 2 STARTED
6 Step/ "no subtype"
7 Step "waits"
  attempt 1 PENDING error {"ErrorType":"E"}
8 Wait "pause" seconds=5
  CANCELLED error {"ErrorType":"Late"}
9-1 Step "in a virtual context" parent="9"
  attempt 1 FAILED error {}
b3f0 Step "by hash"
  attempt 1 SUCCEEDED 1
a4e1 Step "hash, by name"
  attempt 1 SUCCEEDED null
FAILED error {"ErrorMessage":"in the end","ErrorType":"X"}
`

func parse(t *testing.T, text string) []*protocol.Event {
	t.Helper()
	events, err := ParseText([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestTextReadsBack(t *testing.T) {
	events := parse(t, everything)
	if diff := cmp.Diff(everything, Text(slices.Values(events), nil)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	for i, ev := range events {
		if ev.ID != int64(i+1) || ev.Time != textEpoch.AddSeconds(int64(i)) {
			t.Errorf("event %d has the id %d and the time %d", i+1, ev.ID, ev.Time)
		}
	}
	if diff := cmp.Diff(events, parse(t, strings.ReplaceAll(everything, "\n", "\r\n"))); diff != "" {
		t.Errorf("with the ends of lines of Windows (-want +got):\n%s", diff)
	}
}

// TestTextDoesNotDependOnLuck: operations side by side start, fail and end in any order.
func TestTextDoesNotDependOnLuck(t *testing.T) {
	events := parse(t, everything)
	first, last := events[0], events[len(events)-1]
	luck := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		byID, shuffled := map[string][]*protocol.Event{}, []*protocol.Event{first}
		var turns []string
		for _, ev := range events[1 : len(events)-1] {
			byID[ev.OpID] = append(byID[ev.OpID], ev)
			turns = append(turns, ev.OpID)
		}
		luck.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		for _, id := range turns {
			shuffled = append(shuffled, byID[id][0], &protocol.Event{Type: protocol.EventInvocationCompleted})
			byID[id] = byID[id][1:]
		}
		if diff := cmp.Diff(everything, Text(slices.Values(append(shuffled, last)), nil)); diff != "" {
			t.Fatalf("text of shuffled events (-want +got):\n%s", diff)
		}
	}
}

func TestTextIsCleaned(t *testing.T) {
	secret, trace := `{"b":"secret","a":1}`, []string{"main.go:1"}
	events := []*protocol.Event{
		{Type: protocol.EventExecutionStarted, Payload: &secret},
		{Type: protocol.EventStepStarted, OpID: "1", SubType: "Step"},
		{Type: protocol.EventStepFailed, OpID: "1", CurrentAttempt: 1, Error: &protocol.ErrorObject{
			ErrorMessage: "secret", ErrorData: "secret", StackTrace: trace}},
		{Type: "StepSplit", OpID: "1"}, // which only a newer service knows
	}
	got := Text(slices.Values(events), func(s string) string { return strings.ReplaceAll(s, "secret", "x") })
	want := TextHeader + `
INPUT {"b":"x","a":1}
1 Step ""
  attempt 1 FAILED error {"ErrorMessage":"x","ErrorData":"x"}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(trace, events[2].Error.StackTrace); diff != "" {
		t.Errorf("the event itself has changed (-want +got):\n%s", diff)
	}
}

func TestParseTextRefuses(t *testing.T) {
	const start = TextHeader + "\nINPUT 1\n"
	for text, want := range map[string]string{
		"":                                                `line 1: got "", want "# perdure history 1"`,
		"{}":                                              `line 1: got "{}", want "# perdure history 1"`,
		"# perdure history 2\n":                           `line 1: got "# perdure history 2", but this version reads`,
		TextHeader:                                        `the text ends before its INPUT line`,
		TextHeader + "\n1 Step \"a\"\n":                   `line 2: the INPUT line is missing`,
		TextHeader + "\nINPUT {\"a\":\n":                  `line 2: the value is no JSON: unexpected EOF`,
		start + "INPUT 1\n":                               `line 3: there is an INPUT before this one`,
		start + "1 Stepp \"a\"\n":                         `line 3: "1 Stepp" is no operation, attempt or status`,
		start + "1 Step a\n":                              `line 3: operation 1 has no quoted name`,
		start + "1 Step \"a\" x=1\n":                      `line 3: operations have no member "x=1"`,
		start + "1 Wait \"a\" seconds=-1\n":               `line 3: "seconds=-1" is no number of seconds`,
		start + "1 ChainedInvoke \"\" tenant=":            `line 3: "tenant=" is no quoted text`,
		start + "1 Step \"\"\n1 Step \"\"\n":              `line 4: there is an operation 1 before this one`,
		start + "    SUCCEEDED\n":                         `line 3: it is indented by 4 spaces`,
		start + "1 Step \"\"\n SUCCEEDED\n":               `line 4: it is indented by 1 spaces`,
		start + "1 Step \"\"\n  INPUT 1\n":                `line 4: an INPUT is the execution's`,
		start + "1 Step \"\"\n  SUCCEEDED\n":              `line 4: operation 1, a Step, has no attempt 0 here`,
		start + "1 Step \"\"\n  attempt 2 SUCCEEDED 1\n":  `line 4: operation 1, a Step, has no attempt 2 here`,
		start + "1 Step \"\"\n  attempt x SUCCEEDED 1\n":  `line 4: an attempt has a number, from 1`,
		start + "1 Step \"\"\n  attempt 1 STARTED\n":      `line 4: operation 1, a Step, is not STARTED`,
		start + "1 Step \"\"\n  attempt 1 STOPPED\n":      `line 4: operation 1, a Step, does not end with STOPPED`,
		start + "1 Wait \"\"\n  PENDING\n":                `line 4: operation 1, a Wait, is not PENDING`,
		start + "1 Wait \"\"\n  SUCCEEDED\n  SUCCEEDED\n": `line 5: operation 1 has ended before`,
		start + "PENDING\n":                               `line 3: an execution does not end with "PENDING"`,
		start + "SUCCEEDED 1 2\n":                         `line 3: there is " 2" behind the end of the line`,
		start + "SUCCEEDED text 2\n":                      `line 3: the value cannot be read`,
		start + "SUCCEEDED error\n":                       `line 3: the value is no JSON`,
		start + "SUCCEEDED 1\n\n1 Step ":                  `line 5: this stands behind the end of the execution`,
		start + "SUCCEEDED [1,\n2,\n}\n":                  `line 3: the value is no JSON`,
	} {
		events, err := ParseText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %d events and error %v, want %s", text, len(events), err, want)
		}
	}
}

func FuzzParseText(f *testing.F) {
	f.Add(everything)
	f.Fuzz(func(t *testing.T, text string) {
		events, err := ParseText([]byte(text))
		if err != nil {
			return
		}
		once := Text(slices.Values(events), nil)
		again, err := ParseText([]byte(once))
		if err != nil {
			t.Fatalf("%v, in\n%s", err, once)
		}
		if diff := cmp.Diff(once, Text(slices.Values(again), nil)); diff != "" {
			t.Errorf("it reads back as another (-want +got):\n%s", diff)
		}
	})
}
