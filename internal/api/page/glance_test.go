package page

import (
	"context"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

var alikeLink = regexp.MustCompile(`<tr data-row id="alike-[^>]*>.*?<a href="([^"]+)" data-open>([^<]+)</a>`)

// Many failures with one error do not push everything else off the page: a few are shown, and a link to all of them.
// Of a list that somebody filtered, each row is shown.
func TestFailuresAlikeAreFolded(t *testing.T) {
	f := newFixture(t)
	f.crowd(append(many("fail", shownAlike+3), "done-1", "call-1")...)
	page := f.settled("/ui/")
	m := alikeLink.FindStringSubmatch(strings.ReplaceAll(page, "\n", " "))
	if m == nil {
		t.Fatalf("no row stands for the others:\n%s", page)
	}
	if got, want := shown(page), "call-1 fail-07 fail-06 fail-05 fail-04 fail-03 and 3 more done-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	all := f.settled(html.UnescapeString(m[1]))
	if got := len(strings.Fields(shown(all))); got != shownAlike+3 || alikeLink.MatchString(all) {
		t.Errorf("the link shows %d of %d: %s", got, shownAlike+3, shown(all))
	}
	for _, query := range []string{"Name=*", "Tag=tenant%3Dfail", "Status=FAILED", "Order=newest", "Error=Declined"} {
		if got := strings.Count(shown(f.settled("/ui/?"+query)), "fail-"); got != shownAlike+3 {
			t.Errorf("%s shows %d failures, want all %d", query, got, shownAlike+3)
		}
	}
	if got := strings.Count(shown(f.settled("/ui/?Function=work")), "fail-"); got != shownAlike {
		t.Errorf("of one function %d failures are shown, want %d", got, shownAlike)
	}
	// Those of one version are not all of the function.
	page = f.settled("/ui/?Function=work:$LATEST")
	want(t, page, "/ui/act?Action=redrive&amp;All=1&amp;Error=Declined&amp;Function=work%3A%24LATEST&amp;Redriven=no&amp;Status=FAILED")
	want(t, page, "/ui/?Error=Declined&amp;Function=work%3A%24LATEST&amp;Redriven=no&amp;Status=FAILED\" data-open")
}

// Failures are alike if function, status and error are: one more of a kind is folded, the first ones of another are not.
func TestWhichFailuresAreAlike(t *testing.T) {
	one := func(function string, status protocol.ExecutionStatus, kind string) engine.Summary {
		arn := protocol.ARN{Partition: "aws", Region: "r", Account: "000000000000", Function: function, Version: "1",
			Name: "x", ID: "i"}
		return engine.Summary{ARN: arn.String(), Status: status, Error: kind, Stage: engine.StageFailures}
	}
	var items []engine.Summary
	for range shownAlike + 1 {
		items = append(items, one("a", protocol.ExecutionFailed, "E"), one("b", protocol.ExecutionFailed, "E"),
			one("a", protocol.ExecutionTimedOut, ""), one("a", protocol.ExecutionFailed, "F"))
	}
	items = append(items, one("a", protocol.ExecutionFailed, "E"))
	at, err := parseListPlace(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &listPage{listPlace: at}
	if got, want := len(p.foldAlike(items)), 4*shownAlike; got != want {
		t.Errorf("%d rows are shown, want %d", got, want)
	}
	var got []string
	for _, a := range p.folded {
		got = append(got, a.Title()+": "+a.Path)
	}
	want := `and 2 more: /ui/?Error=E&Function=a&Redriven=no&Status=FAILED
and 1 more: /ui/?Error=E&Function=b&Redriven=no&Status=FAILED
and 1 more: /ui/?Error=-&Function=a&Redriven=no&Status=TIMED_OUT
and 1 more: /ui/?Error=F&Function=a&Redriven=no&Status=FAILED`
	if got := strings.Join(got, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What retries needs attention from its first failure on, and is told apart there.
func TestWhatRetriesIsToldApart(t *testing.T) {
	f := newFixture(t)
	err := f.engine.Functions().Register(engine.Function{
		Name: "again", Durable: &engine.DurableConfig{ExecutionTimeout: 24 * time.Hour},
		Invoker: approverOf(func(ctx context.Context, in *protocol.InvocationInput) engine.Outcome {
			delay := int64(3600)
			_, err := f.engine.Checkpoint(ctx, &engine.CheckpointRequest{ARN: in.DurableExecutionArn, Token: in.CheckpointToken,
				Updates: []protocol.Update{{ID: "1", Type: protocol.TypeStep, Name: "charge", Action: protocol.ActionRetry,
					Error:       &protocol.ErrorObject{ErrorType: "Refused", ErrorMessage: "no route"},
					StepOptions: &protocol.StepOptions{NextAttemptDelaySeconds: delay}}}})
			if err != nil {
				t.Error(err)
			}
			return engine.Outcome{Payload: []byte(`{"Status":"PENDING"}`)}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.crowd("done-1", "call-1")
	s, err := f.engine.Start(t.Context(), &engine.InvokeRequest{Function: "again", Name: "again-1", Payload: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	f.await(s.ARN, protocol.EventInvocationCompleted, 1)
	page := f.settled("/ui/")
	if got := strings.Count(page, ` retries">`); got != 1 {
		t.Errorf("%d rows retry, want 1:\n%s", got, page)
	}
	want(t, page, `class="at-stuck retries"`)
	want(t, f.get(executionPath(s.ARN), 200), "Try now</button>")
}

// An execution that ended without operations has none, and not none yet; an error whose data is empty has no box for it.
func TestNothingIsSaidOfNothing(t *testing.T) {
	f := newFixture(t)
	f.crowd("done-1")
	one, err := f.engine.Named(t.Context(), "work", "done-1")
	if err != nil {
		t.Fatal(err)
	}
	page := f.get(executionPath(one.ARN), 200)
	want(t, page, "The function made no operation.", "1 operation,")
	for _, data := range []string{"", "{}", " null ", "[]", `""`} {
		if f := newFailure("x", &protocol.ErrorObject{ErrorType: "E", ErrorData: data}, ""); f.Data != nil {
			t.Errorf("the data %q has a box", data)
		}
	}
	for _, data := range []string{`{"a":{}}`, "0", "false", "text"} {
		if f := newFailure("x", &protocol.ErrorObject{ErrorType: "E", ErrorData: data}, ""); f.Data == nil {
			t.Errorf("the data %q is not shown", data)
		}
	}
}

// Events have milliseconds: many happen within a second, and the history says where the time went.
func TestEventsHaveMilliseconds(t *testing.T) {
	f := newFixture(t)
	f.crowd("call-1")
	one, err := f.engine.Named(t.Context(), "work", "call-1")
	if err != nil {
		t.Fatal(err)
	}
	page := f.get(executionPath(one.ARN)+"&view=history", 200)
	rows := regexp.MustCompile(`(?s)<tbody>(.*)</tbody>`).FindString(page)
	times := regexp.MustCompile(`<time[^>]*>([^<]+)</time>`).FindAllStringSubmatch(rows, -1)
	if len(times) < 3 {
		t.Fatalf("got the times %v", times)
	}
	for _, m := range times {
		if _, err := time.Parse("2006-01-02 15:04:05.000", m[1]); err != nil {
			t.Error(err)
		}
	}
}

// One action has one word wherever it is: what is planned, done and typed is to redrive.
func TestRedriveHasOneWord(t *testing.T) {
	f := newFixture(t)
	f.crowd("fail-1", "fail-2")
	for _, path := range []string{"/ui/", "/ui/function?name=work"} {
		page := f.settled(path)
		want(t, page, "Redrive all 2 …")
		if strings.Contains(page, "Retry all") {
			t.Errorf("%s has another word for it", path)
		}
	}
	page := f.get("/ui/act?Action=redrive&All=1&Error=Declined", 200)
	want(t, page, "Redrive 2 executions?", "What failed is tried again")
}
