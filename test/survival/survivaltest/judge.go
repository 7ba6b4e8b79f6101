package survivaltest

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Note is one run of a step's body, as the victim wrote it down.
type Note struct {
	Attempt int
	Nonce   string
	At      time.Time
}

// Notes maps a step's name to the runs of its body, in order.
type Notes map[string][]Note

// ReadNotes reads the victim's log: execution ARN -> notes.
func ReadNotes(t *testing.T, path string) map[string]Notes {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Notes{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 5 {
			t.Fatalf("a line of the log was cut: %q", line)
		}
		attempt, _ := strconv.Atoi(f[2])
		ms, _ := strconv.ParseInt(f[4], 10, 64)
		if all[f[0]] == nil {
			all[f[0]] = Notes{}
		}
		all[f[0]][f[1]] = append(all[f[0]][f[1]], Note{attempt, f[3], time.UnixMilli(ms)})
	}
	return all
}

// Judge holds the histories of orders against the promises and the notes.
type Judge struct {
	Service *Service
	Notes   map[string]Notes
	// Skew is by how much the clock that dates histories may differ from that of the functions.
	Skew time.Duration

	Pauses, Lost, Twice int // what it found so far: pauses, orders without an end, and bodies that ran too often
}

// Order judges one order and the one that it invoked.
func (j *Judge) Order(t *testing.T, arn string, job Job) {
	t.Helper()
	events := history(t, j.Service.Client, arn)
	count := map[types.EventType]int{}
	child := ""
	for i, ev := range events {
		count[ev.EventType]++
		if aws.ToInt32(ev.EventId) != int32(i+1) {
			t.Errorf("%s: event %d has EventId %d", arn, i+1, aws.ToInt32(ev.EventId))
		}
		if ev.EventType == types.EventTypeChainedInvokeStarted {
			child = aws.ToString(ev.ChainedInvokeStartedDetails.DurableExecutionArn)
		}
	}
	for typ, want := range wanted(job) {
		if count[typ] != want {
			t.Errorf("%s: %s stands %d times in the history, want %d", arn, typ, count[typ], want)
		}
	}
	if len(events) == 0 || events[len(events)-1].EventType != types.EventTypeExecutionSucceeded {
		j.Lost++
		t.Errorf("%s: the history does not end with its success", arn)
		return
	}
	ran := j.Notes[arn]
	checkWait(t, arn, time.Duration(job.WaitSeconds)*time.Second, events)
	for _, step := range []string{"validate", "charge", "fulfil"} {
		j.step(t, arn, step, events, ran[step])
	}
	attempts := map[int]bool{}
	for _, n := range ran["charge"] {
		if attempts[n.Attempt] {
			j.Twice++
			t.Errorf("%s: attempt %d of the at-most-once step ran twice", arn, n.Attempt)
		}
		attempts[n.Attempt] = true
	}
	j.Pauses += checkPauses(t, arn, events)
	if child != "" {
		j.Order(t, child, Job{})
	}
}

// wanted is how often events stand in the history of an order.
func wanted(job Job) map[types.EventType]int {
	want := map[types.EventType]int{types.EventTypeExecutionStarted: 1, types.EventTypeExecutionSucceeded: 1,
		types.EventTypeWaitStarted: 0, types.EventTypeWaitSucceeded: 0, types.EventTypeCallbackStarted: 0,
		types.EventTypeCallbackSucceeded: 0, types.EventTypeChainedInvokeStarted: 0, types.EventTypeChainedInvokeSucceeded: 0}
	once := func(is bool, events ...types.EventType) {
		for _, e := range events {
			if is {
				want[e] = 1
			}
		}
	}
	once(job.WaitSeconds > 0, types.EventTypeWaitStarted, types.EventTypeWaitSucceeded)
	once(job.Approval, types.EventTypeCallbackStarted, types.EventTypeCallbackSucceeded)
	once(job.Child, types.EventTypeChainedInvokeStarted, types.EventTypeChainedInvokeSucceeded)
	return want
}

// checkWait: neither shortened nor begun again.
func checkWait(t *testing.T, arn string, wait time.Duration, events []types.Event) {
	t.Helper()
	var end time.Time
	for _, ev := range events {
		switch ev.EventType {
		case types.EventTypeWaitStarted:
			end = aws.ToTime(ev.WaitStartedDetails.ScheduledEndTimestamp)
			if got := end.Sub(aws.ToTime(ev.EventTimestamp)); got != wait {
				t.Errorf("%s: the wait was set for %v, want %v", arn, got, wait)
			}
		case types.EventTypeWaitSucceeded:
			if aws.ToTime(ev.EventTimestamp).Before(end) {
				t.Errorf("%s: the wait ended %v early", arn, end.Sub(aws.ToTime(ev.EventTimestamp)))
			}
		}
	}
}

// step: it succeeded once, with the value that its last run returned, and nothing ran after that was recorded.
func (j *Judge) step(t *testing.T, arn, step string, events []types.Event, ran []Note) {
	t.Helper()
	var done []types.Event
	for _, ev := range events {
		if ev.EventType == types.EventTypeStepSucceeded && aws.ToString(ev.Name) == step {
			done = append(done, ev)
		}
	}
	if len(done) != 1 || len(ran) == 0 {
		t.Errorf("%s: step %s succeeded %d times and ran %d times", arn, step, len(done), len(ran))
		return
	}
	var nonce string
	if err := json.Unmarshal([]byte(aws.ToString(done[0].StepSucceededDetails.Result.Payload)), &nonce); err != nil {
		t.Errorf("%s: the result of %s: %v", arn, step, err)
	}
	last := ran[len(ran)-1]
	if nonce != last.Nonce {
		j.Twice++
		t.Errorf("%s: step %s is recorded with the result of another run than its last", arn, step)
	}
	if at := aws.ToTime(done[0].EventTimestamp); last.At.Add(-j.Skew).After(at) {
		j.Twice++
		t.Errorf("%s: step %s ran %v after its success was recorded", arn, step, last.At.Sub(at))
	}
}

func history(t *testing.T, client *lambda.Client, arn string) (events []types.Event) {
	t.Helper()
	pages := lambda.NewGetDurableExecutionHistoryPaginator(client, &lambda.GetDurableExecutionHistoryInput{
		DurableExecutionArn: &arn, IncludeExecutionData: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("the history of %s: %v", arn, err)
		}
		events = append(events, page.Events...)
	}
	return events
}

// checkPauses: every pause ends, and while one lasts the function does nothing.
func checkPauses(t *testing.T, arn string, events []types.Event) (pauses int) {
	t.Helper()
	paused := false
	for _, ev := range events {
		switch ev.EventType {
		case "ExecutionPaused", "ExecutionResumed": // AWS's client does not know them yet
			if resumed := ev.EventType == "ExecutionResumed"; resumed != paused {
				t.Errorf("%s: event %d is %s, with a pause: %t", arn, aws.ToInt32(ev.EventId), ev.EventType, paused)
			}
			paused = !paused
			pauses++
		case types.EventTypeWaitSucceeded, types.EventTypeInvocationCompleted, types.EventTypeCallbackSucceeded,
			types.EventTypeChainedInvokeSucceeded:
		default:
			if paused {
				t.Errorf("%s: event %d is %s, during a pause", arn, aws.ToInt32(ev.EventId), ev.EventType)
			}
		}
	}
	if paused {
		t.Errorf("%s: it closed during a pause", arn)
	}
	return pauses / 2
}
