package survival

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

// note is one run of a step's body, as the victim wrote it down.
type note struct {
	attempt int
	nonce   string
	at      time.Time
}

// notes maps a step's name to the runs of its body, in order.
type notes map[string][]note

// readNotes reads the victim's log: execution ARN -> notes.
func readNotes(t *testing.T, path string) map[string]notes {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]notes{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 5 {
			t.Fatalf("a line of the log was cut: %q", line)
		}
		attempt, _ := strconv.Atoi(f[2])
		ms, _ := strconv.ParseInt(f[4], 10, 64)
		if all[f[0]] == nil {
			all[f[0]] = notes{}
		}
		all[f[0]][f[1]] = append(all[f[0]][f[1]], note{attempt, f[3], time.UnixMilli(ms)})
	}
	return all
}

// checkOrder holds the history of one order, which had to wait for a time,
// against the promises and the notes. It returns how often it was paused.
func checkOrder(t *testing.T, client *lambda.Client, arn string, wait time.Duration, ran notes) (pauses int) {
	t.Helper()
	events := history(t, client, arn)
	count := map[types.EventType]int{}
	for i, ev := range events {
		count[ev.EventType]++
		if aws.ToInt32(ev.EventId) != int32(i+1) {
			t.Errorf("%s: event %d has EventId %d", arn, i+1, aws.ToInt32(ev.EventId))
		}
	}
	once := []types.EventType{types.EventTypeExecutionStarted, types.EventTypeWaitStarted, types.EventTypeWaitSucceeded,
		types.EventTypeExecutionSucceeded}
	for _, typ := range once {
		if count[typ] != 1 {
			t.Errorf("%s: %s stands %d times in the history, want once", arn, typ, count[typ])
		}
	}
	if last := events[len(events)-1].EventType; last != types.EventTypeExecutionSucceeded {
		t.Errorf("%s: the history ends with %s", arn, last)
	}
	checkWait(t, arn, wait, events)
	for _, step := range []string{"validate", "charge", "fulfil"} {
		checkStep(t, arn, step, events, ran[step])
	}
	attempts := map[int]bool{}
	for _, n := range ran["charge"] {
		if attempts[n.attempt] {
			t.Errorf("%s: attempt %d of the at-most-once step ran twice", arn, n.attempt)
		}
		attempts[n.attempt] = true
	}
	return checkPauses(t, arn, events)
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

// checkStep: it succeeded once, with the value that its last run returned, and
// nothing ran after that was recorded.
func checkStep(t *testing.T, arn, step string, events []types.Event, ran []note) {
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
	if nonce != last.nonce {
		t.Errorf("%s: step %s is recorded with the result of another run than its last", arn, step)
	}
	if at := aws.ToTime(done[0].EventTimestamp); last.at.After(at) {
		t.Errorf("%s: step %s ran %v after its success was recorded", arn, step, last.at.Sub(at))
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
