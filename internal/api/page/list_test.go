package page

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// settled is a page that has all that it waits for.
func (f *fixture) settled(path string) string {
	f.t.Helper()
	for range 3000 {
		if page := f.get(path, 200); !strings.Contains(page, "data-refresh") {
			return page
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.t.Fatalf("%s never has all", path)
	return ""
}

const hostileText = `<script>alert(1)</script>` + "\x1b[31m\u202e😀\" onclick='x'"

// crowd registers work, whose executions do what their names say, and starts many: they fail with a hostile error, wait
// for a callback, or succeed.
func (f *fixture) crowd(names ...string) {
	f.t.Helper()
	err := f.engine.Functions().Register(engine.Function{
		Name: "work", Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: approverOf(func(ctx context.Context, in *protocol.InvocationInput) engine.Outcome {
			arn, _ := protocol.ParseARN(in.DurableExecutionArn)
			switch {
			case strings.HasPrefix(arn.Name, "fail"):
				answer, err := json.Marshal(map[string]any{"Status": "FAILED",
					"Error": protocol.ErrorObject{ErrorType: "Declined", ErrorMessage: hostileText}})
				if err != nil {
					f.t.Error(err)
				}
				return engine.Outcome{Payload: answer}
			case strings.HasPrefix(arn.Name, "call") && len(in.InitialExecutionState.Operations) == 1:
				_, err := f.engine.Checkpoint(ctx, &engine.CheckpointRequest{ARN: in.DurableExecutionArn, Token: in.CheckpointToken,
					Updates: []protocol.Update{
						{ID: "1", Type: protocol.TypeStep, Name: "reserve", Action: protocol.ActionSucceed},
						{ID: "2", Type: protocol.TypeCallback, Name: "manager", Action: protocol.ActionStart}}})
				if err != nil {
					f.t.Error(err)
				}
				return engine.Outcome{Payload: []byte(`{"Status":"PENDING"}`)}
			}
			return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED"}`)}
		}),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, name := range names {
		f.start(name)
	}
}

// start starts one more of a crowd, and waits for what it does.
func (f *fixture) start(name string) {
	f.t.Helper()
	s, err := f.engine.Start(f.t.Context(), &engine.InvokeRequest{Function: "work", Name: name, Payload: []byte("1"),
		Tags: map[string]string{"tenant": name[:4], "né": "+/=@"}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.await(s.ARN, protocol.EventInvocationCompleted, 1)
	if !strings.HasPrefix(name, "call") {
		if _, err := f.engine.Wait(f.t.Context(), s.ARN); err != nil {
			f.t.Fatal(err)
		}
	}
}

var openLink = regexp.MustCompile(`data-open>([^<]+)</a>`)

// shown are the names of the executions of a list, in order.
func shown(page string) string {
	var names []string
	for _, m := range openLink.FindAllStringSubmatch(page, -1) {
		names = append(names, m[1])
	}
	return strings.Join(names, " ")
}

func many(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s-%02d", prefix, i))
	}
	return names
}

// What is stuck comes first and says what it waits for, then what failed; all is counted, failures are in groups, and
// what others wrote stays text.
func TestTheListBeginsWithWhatNeedsAttention(t *testing.T) {
	f := newFixture(t)
	f.crowd("done-1", "call-1", "fail-1", "done-2", "done-3")
	page := f.settled("/ui/")
	if got, want := shown(page), "call-1 fail-1 done-3 done-2 done-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	want(t, page, "waits for callback manager", "1 of 2", "Stuck, or waiting", "Failed in the last day", "Everything else",
		`<span class="num">5</span> <span class="label">All`, `<span class="num">1</span> <span class="label">Failed`,
		"waiting for a callback", "Redrive all 1", "Declined", "&lt;script&gt;", "tenant=call", "né=", "$LATEST",
		"perdure list --attention")
	for _, wrong := range []string{"<script>alert", "\x1b", "\u202e"} {
		if strings.Contains(page, wrong) {
			t.Errorf("the page has %q of an error", wrong)
		}
	}
}

// Each member of a filter is in the address and in the form, and can be taken away; bad ones are refused.
func TestTheListIsFiltered(t *testing.T) {
	f := newFixture(t)
	f.crowd("done-1", "call-1", "done-2")
	for query, names := range map[string]string{
		"Status=RUNNING":                    "call-1",
		"Status=SUCCEEDED,FAILED":           "done-2 done-1",
		"Name=*2":                           "done-2",
		"Name=done-1":                       "done-1",
		"Function=work&Order=oldest":        "done-1 call-1 done-2",
		"Order=newest&Qualifier=":           "done-2 call-1 done-1",
		"Doing=callback":                    "call-1",
		"Tag=tenant=done&Tag=":              "done-2 done-1",
		"Tag=" + url.QueryEscape("né=+/=@"): "call-1 done-2 done-1",
		"StartedAfter=1h&Name=*1":           "call-1 done-1",
		"StartedBefore=1h":                  "",
		"LongerThan=1h":                     "",
		"Error=Declined":                    "",
	} {
		page := f.settled("/ui/?" + query)
		if got := shown(page); got != names {
			t.Errorf("%s: got %s, want %s", query, got, names)
		}
		if q, _ := url.ParseQuery(query); len(q) > 0 && !strings.HasPrefix(query, "Order") {
			want(t, page, `aria-label="Without the filter`, "clear all")
		}
	}
	page := f.settled("/ui/?Tag=tenant%3Ddone&Status=SUCCEEDED")
	want(t, page, `name="Tag" value="tenant=done"`, `value="SUCCEEDED" checked`,
		`<input type="hidden" name="Tag" value="tenant=done">`,
		"perdure list --status SUCCEEDED --tag tenant=done --attention", `href="/ui/?Tag=tenant%3Ddone"`)
	want(t, f.get("/ui/?Name=one", 200), "No execution is like that", "*one*")
	for query, text := range map[string]string{
		"Status=SLEEPING": "SLEEPING", "Doing=nothing": "nothing", "Order=best": "no order", "LongerThan=x": "duration",
		"StartedAfter=x": "moment", "Tag=x": "KEY=VALUE", "Marker=x": "marker", "Name=" + strings.Repeat("x", 10_000): "Name is too long",
		"Name=a&Name=b": "one value",
	} {
		if page := f.get("/ui/?"+query, 400); !strings.Contains(strings.ToLower(page), strings.ToLower(text)) {
			t.Errorf("%s: the refusal lacks %q", query, text)
		}
	}
}

var pageLink = regexp.MustCompile(`href="([^"]+)" rel="(next|prev)"`)

func linksOf(page string) map[string]string {
	links := map[string]string{}
	for _, m := range pageLink.FindAllStringSubmatch(page, -1) {
		links[m[2]] = html.UnescapeString(m[1])
	}
	return links
}

// Pages lead on and back to the same executions, though others start meanwhile.
func TestPagesKeepTheirPlace(t *testing.T) {
	f := newFixture(t)
	f.crowd(many("done", 2*pageLength+10)...)
	for _, order := range []string{"attention", "newest", "oldest"} {
		var there []string
		address := "/ui/?Function=work&Order=" + order
		for range 3 {
			page := f.get(address, 200)
			there = append(there, shown(page))
			address = linksOf(page)["next"]
		}
		if address != "" {
			t.Errorf("%s: the last page leads on", order)
		}
		if got := len(strings.Fields(strings.Join(there, " "))); got != 2*pageLength+10 {
			t.Errorf("%s: got %d executions", order, got)
		}
		page := f.get("/ui/?Function=work&Order="+order, 200)
		middle := linksOf(page)["next"]
		last := f.get(linksOf(f.get(middle, 200))["next"], 200)
		back := f.get(linksOf(last)["prev"], 200)
		if diff := cmp.Diff(there[1], shown(back)); diff != "" {
			t.Errorf("%s: back on the second page (-want +got):\n%s", order, diff)
		}
		want(t, back, "page 2 of 3")
		if got := shown(f.get(linksOf(back)["prev"], 200)); got != there[0] {
			t.Errorf("%s: back on the first page: got %s", order, got)
		}
	}
}

// A plan says how many there are and does nothing; its form does it, and the job's page says what came of each.
func TestManyAreActedOnAtOnce(t *testing.T) {
	f := newFixture(t)
	f.crowd("call-1", "call-2", "done-1")
	plan := f.get("/ui/act?Action=pause&All=1&Function=work&Name=call-*", 200)
	want(t, plan, "Pause 2 executions", "call-1", "call-2", "perdure pause --function work --name &#39;call-*&#39;", "keep-timeout")
	if jobs, err := f.engine.Jobs().List(t.Context()); err != nil || len(jobs) > 0 {
		t.Errorf("a plan began the jobs %v, %v", jobs, err)
	}
	form := hiddenOf(t, plan)
	form["reason"], form["rate"] = []string{hostileText[:9]}, []string{"1000"}
	f.post("/ui/act", form, 200)
	job := f.ended()
	page := f.settled(jobPath(job.ID))
	want(t, page, "Pause 2 executions", "2 of 2 done", "call-1", "1000 a second at most", "&lt;script&gt;", "perdure jobs show")
	want(t, f.settled("/ui/jobs"), "Pause 2 executions", "2 of 2 done", jobPath(job.ID))
	want(t, f.settled("/ui/?Status=PAUSED"), "call-1", "call-2", "paused")

	one, err := f.engine.Named(t.Context(), "work", "done-1")
	if err != nil {
		t.Fatal(err)
	}
	two, err := f.engine.Named(t.Context(), "work", "call-1")
	if err != nil {
		t.Fatal(err)
	}
	chosen := url.Values{"Action": {"stop"}, "ARN": {one.ARN, two.ARN}}
	want(t, f.get("/ui/act?"+chosen.Encode(), 200), "Stop 2 executions", `name="kill"`, `name="cascade"`, "that you selected")
	f.post("/ui/act", chosen, 200)
	job = f.ended()
	want(t, f.settled(jobPath(job.ID)), "1 of 2 done, 1 refused", "ended, not all done", "chosen one by one", "done-1")
	refused := f.settled(jobPath(job.ID) + "&outcome=refused")
	if got := shown(refused); got != "done-1" {
		t.Errorf("refused were %s, want done-1", got)
	}
}

// hiddenOf is the form of a plan as somebody sends it who fills in nothing.
func hiddenOf(t *testing.T, plan string) url.Values {
	t.Helper()
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(plan, -1) {
		form.Add(m[1], html.UnescapeString(m[2]))
	}
	if !form.Has("Action") {
		t.Fatal("the plan has no form")
	}
	return form
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// act sends the form of a plan that is made now.
func (f *fixture) act(form url.Values, status int) string {
	f.t.Helper()
	form = maps.Clone(form)
	form.Set("at", fmt.Sprint(time.Now().UnixMilli()))
	return f.post("/ui/act", form, status)
}

// What ends, or starts, between a plan and its confirmation was not on the plan, and is left alone.
func TestAPlanKeepsItsMoment(t *testing.T) {
	f := newFixture(t)
	f.crowd("call-1", "call-2", "fail-1", "fail-2", "fail-3")
	plans := map[engine.JobAction]url.Values{}
	for _, action := range []engine.JobAction{engine.JobRedrive, engine.JobDelete} {
		plan := f.get("/ui/act?All=1&Action="+string(action), 200)
		want(t, plan, jobWords[action].Verb+" 3 executions")
		plans[action] = hiddenOf(t, plan)
	}
	time.Sleep(2 * time.Millisecond) // plans have moments in milliseconds
	one, err := f.engine.Named(t.Context(), "work", "call-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Stop(t.Context(), &engine.StopRequest{ARN: one.ARN}); err != nil {
		t.Fatal(err)
	}
	f.start("fail-4")
	for _, action := range []engine.JobAction{engine.JobRedrive, engine.JobDelete} {
		f.post("/ui/act", plans[action], 200)
		if job := f.ended(); job.Action != action || job.Done != 3 || job.Acted() != 3 {
			t.Errorf("%s: got %+v, want 3 done", action, job)
		}
	}
	if got, want := shown(f.settled("/ui/?Name=*-1&Order=newest")), "call-1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want(t, f.settled("/ui/?Redriven=no&Status=FAILED"), "fail-4")
}

// A form says when its plan was made. What is to come is now, as clocks differ.
func TestAPlanWithoutItsMoment(t *testing.T) {
	f := newFixture(t)
	f.crowd("call-1")
	for _, at := range []string{"", "x", "-1", "0", "1e3", "99999999999999999999", hostileText} {
		form := url.Values{"Action": {"pause"}, "filter": {"Name=*"}, "at": {at}}
		if page := f.post("/ui/act", form, 400); !strings.Contains(page, "when its plan was made") {
			t.Errorf("%q: the refusal does not say what is missing", at)
		}
	}
	want(t, f.post("/ui/act", url.Values{"Action": {"pause"}, "filter": {"Name=*"}}, 400), "when its plan was made")
	future := fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())
	f.post("/ui/act", url.Values{"Action": {"pause"}, "filter": {"Name=*"}, "at": {future}}, 200)
	if job := f.ended(); job.Done != 1 || job.At > job.Created {
		t.Errorf("got %+v, want 1 done, planned no later than now", job)
	}
}

// ended is the newest job, once it has ended.
func (f *fixture) ended() *engine.Job {
	f.t.Helper()
	for range 6000 {
		jobs, err := f.engine.Jobs().List(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		if len(jobs) > 0 && jobs[0].Ended != 0 {
			return jobs[0]
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.t.Fatal("the job does not end")
	return nil
}

// All actions have a plan, and their forms only the fields that go with them; callbacks get their answer.
func TestEachActionHasItsForm(t *testing.T) {
	f := newFixture(t)
	f.crowd("call-1", "done-1")
	for _, action := range engine.JobActions {
		want(t, f.get("/ui/act?All=1&Action="+string(action), 200), jobWords[action].Verb, "No filter is set")
		f.act(url.Values{"Action": {string(action)}, "filter": {"Function=nothing"}}, http.StatusNotFound)
	}
	f.act(url.Values{"Action": {"succeed"}, "filter": {"Name=*"}, "result": {`"yes"`}, "operation": {"manager"}}, 200)
	want(t, f.settled(jobPath(f.ended().ID)), "1 of 1 done", "only operation manager", "result &#34;yes&#34;")
	for name, bad := range map[string]url.Values{
		"no action": {"filter": {"Name=*"}}, "a strange action": {"Action": {hostileText}, "filter": {""}},
		"nothing chosen": {"Action": {"stop"}},

		"a bad rate":   {"Action": {"stop"}, "filter": {"Name=*"}, "rate": {"NaN"}},
		"a bad filter": {"Action": {"stop"}, "filter": {"Status=x"}},
		"no ARN":       {"Action": {"stop"}, "ARN": {"nonsense"}},
	} {
		if page := f.act(bad, 400); strings.Contains(page, "<script>alert") {
			t.Errorf("%s became part of the page", name)
		}
	}
	want(t, f.get("/ui/act?Action=stop", 400), "No execution is selected")
	f.get("/ui/job?id=nothing", 404)
}

// A job that goes on can be canceled on its page.
func TestAJobIsCanceled(t *testing.T) {
	f := newFixture(t)
	f.crowd("call-1", "call-2", "call-3")
	f.act(url.Values{"Action": {"stop"}, "filter": {"Function=work"}, "rate": {"0.01"}}, 200)
	jobs, err := f.engine.Jobs().List(t.Context())
	if err != nil || len(jobs) != 1 {
		t.Fatalf("got %v, %v", jobs, err)
	}
	want(t, f.get(jobPath(jobs[0].ID), 200), "at work", "Cancel", "data-live", "data-refresh", "perdure jobs cancel")
	f.post("/ui/cancel-job", url.Values{"id": {jobs[0].ID}}, 200)
	f.ended()
	want(t, f.settled(jobPath(jobs[0].ID)), "canceled")
}

// Who may only read sees lists, plans and jobs without a button or a box; each act is refused.
func TestReadersActOnNothing(t *testing.T) {
	f := newFixture(t)
	f.crowd("call-1", "fail-1")
	f.act(url.Values{"Action": {"pause"}, "filter": {"Name=*"}, "rate": {"0.01"}}, 200)
	r := f.reader()
	jobs, err := f.engine.Jobs().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/ui/", "/ui/act?Action=stop&All=1", "/ui/jobs", jobPath(jobs[0].ID), "/ui/start"} {
		page := strings.ReplaceAll(r.get(path, 200), `method="post" action="/ui/logout"`, "")
		for _, wrong := range []string{`method="post"`, `type="checkbox" name="ARN"`, `name="Action"`, "Redrive all", `href="/ui/start"`} {
			if strings.Contains(strings.ReplaceAll(page, `href="/ui/start" data-key`, ""), wrong) {
				t.Errorf("%s: a reader's page has %s", path, wrong)
			}
		}
	}
}
