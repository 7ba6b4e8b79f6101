package golden

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the archives")

// TestHistories runs the order example once for each archive, all on one
// server and at one time, and compares what its history says.
func TestHistories(t *testing.T) {
	if testing.Short() {
		t.Skip("waits 5 s of real time")
	}
	url := serve(t)
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("got archives %v, error %v", archives, err)
	}
	t.Run("all", func(t *testing.T) { // ends before the server
		for _, path := range archives {
			name := strings.TrimSuffix(filepath.Base(path), ".txtar")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				testHistory(t, url, path, name)
			})
		}
	})
}

func testHistory(t *testing.T, url, path, name string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	client, wire := newClient(url)
	arn := run(t, client, name, file(t, archive, "event.json"))
	events := read(t, client, wire, &lambda.GetDurableExecutionHistoryInput{DurableExecutionArn: &arn})
	bare := read(t, client, wire, &lambda.GetDurableExecutionHistoryInput{DurableExecutionArn: &arn, IncludeExecutionData: aws.Bool(false)})

	want := normal(t, arn, events)
	compare(t, path, archive, "history", want)
	compare(t, path, archive, "history without data", normal(t, arn, bare))
	checkTimes(t, events)
	checkEnd(t, events)
	checkPages(t, client, wire, arn, want)
	checkReverse(t, client, wire, arn, want)
}

func file(t *testing.T, archive *txtar.Archive, name string) []byte {
	t.Helper()
	for _, f := range archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	if !*update {
		t.Errorf("the archive has no %s; run with -update", name)
	}
	return nil
}

// compare holds text against a file of the archive, or puts it there.
func compare(t *testing.T, path string, archive *txtar.Archive, name, text string) {
	t.Helper()
	if !*update {
		if diff := cmp.Diff(string(file(t, archive, name)), text); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		return
	}
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		i = len(archive.Files)
		archive.Files = append(archive.Files, txtar.File{Name: name})
	}
	archive.Files[i].Data = []byte(text)
	if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// read follows the pages of a history.
func read(t *testing.T, client *lambda.Client, wire *recorder, in *lambda.GetDurableExecutionHistoryInput) (events []types.Event) {
	t.Helper()
	pages := lambda.NewGetDurableExecutionHistoryPaginator(client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("the history: %v", err)
		}
		if bytes.Contains(wire.body, []byte("null")) {
			t.Errorf("an absent member stands as null in %s", wire.body)
		}
		checkTruncated(t, wire.body, in.IncludeExecutionData == nil)
		if n := in.MaxItems; n > 0 && (len(page.Events) > int(n) || pages.HasMorePages() && len(page.Events) < int(n)) {
			t.Errorf("got a page of %d events, want %d", len(page.Events), n)
		}
		events = append(events, page.Events...)
	}
	return events
}

// checkTruncated looks at an answer as it came, since AWS's client takes a
// member that is missing for false.
func checkTruncated(t *testing.T, body []byte, data bool) {
	t.Helper()
	payloads := bytes.Count(body, []byte(`"Payload":`))
	whole, cut := bytes.Count(body, []byte(`"Truncated":false`)), bytes.Count(body, []byte(`"Truncated":true`))
	if data && (whole != payloads || cut != 0) || !data && (payloads != 0 || whole != 0) {
		t.Errorf("with data %v there are %d payloads, %d marked as whole and %d as truncated, in\n%s", data, payloads, whole, cut, body)
	}
}

// checkTimes: in order, with every invocation inside, and waits that are
// neither shorter nor much longer than they should be.
func checkTimes(t *testing.T, events []types.Event) {
	t.Helper()
	last := aws.ToTime(events[0].EventTimestamp)
	begin := last
	var end time.Time // of the wait
	for _, ev := range events {
		at := aws.ToTime(ev.EventTimestamp)
		if at.Before(last) {
			t.Errorf("event %d is earlier than the one before it", *ev.EventId)
		}
		last = at
		switch d := ev.InvocationCompletedDetails; ev.EventType {
		case types.EventTypeInvocationCompleted:
			from, to := aws.ToTime(d.StartTimestamp), aws.ToTime(d.EndTimestamp)
			if from.Before(begin) || to.Before(from) || to.After(at) {
				t.Errorf("event %d: an invocation from %v to %v, completed at %v", *ev.EventId, from, to, at)
			}
			begin = to
		case types.EventTypeWaitStarted:
			end = aws.ToTime(ev.WaitStartedDetails.ScheduledEndTimestamp)
			if got := end.Sub(at); got != confirmationTime {
				t.Errorf("the wait is set for %v, want %v", got, confirmationTime)
			}
		case types.EventTypeWaitSucceeded:
			if at.Before(end) || at.Sub(end) > 5*time.Second {
				t.Errorf("the wait ended %v after it should have", at.Sub(end))
			}
		}
	}
}

// checkEnd: ids without gaps, and nothing between the last invocation and the
// end of the execution.
func checkEnd(t *testing.T, events []types.Event) {
	t.Helper()
	for i, ev := range events {
		if int(aws.ToInt32(ev.EventId)) != i+1 {
			t.Errorf("event %d has the id %d", i+1, *ev.EventId)
		}
	}
	end := events[len(events)-2:]
	if end[0].EventType != types.EventTypeInvocationCompleted || !strings.HasPrefix(string(end[1].EventType), "Execution") {
		t.Errorf("the history ends with %s and %s", end[0].EventType, end[1].EventType)
	}
}

// checkPages: pages of three say the same as one.
func checkPages(t *testing.T, client *lambda.Client, wire *recorder, arn, want string) {
	t.Helper()
	events := read(t, client, wire, &lambda.GetDurableExecutionHistoryInput{DurableExecutionArn: &arn, MaxItems: 3})
	if diff := cmp.Diff(want, normal(t, arn, events)); diff != "" {
		t.Errorf("in pages of three (-want +got):\n%s", diff)
	}
}

// checkReverse: newest first is the same from behind, in pages too.
func checkReverse(t *testing.T, client *lambda.Client, wire *recorder, arn, want string) {
	t.Helper()
	for _, max := range []int32{0, 3} {
		in := &lambda.GetDurableExecutionHistoryInput{DurableExecutionArn: &arn, ReverseOrder: aws.Bool(true), MaxItems: max}
		events := read(t, client, wire, in)
		slices.Reverse(events)
		if diff := cmp.Diff(want, normal(t, arn, events)); diff != "" {
			t.Errorf("newest first, with MaxItems %d (-want +got):\n%s", max, diff)
		}
	}
}
