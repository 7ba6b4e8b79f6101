package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/protocol"
)

// job waits until the job whose page is shown has ended, and returns it.
func (s *site) job(b *tab) *adminapi.Job {
	s.t.Helper()
	b.until("the page of the job is shown", `location.pathname === "/ui/job"`)
	id := eval[string](b, `new URL(location).searchParams.get("id")`)
	var job *adminapi.Job
	var err error
	if !wait(s.t, func() bool { job, err = s.Job(s.t.Context(), id); return err == nil && job.EndedTimestamp != 0 }) {
		s.t.Fatalf("the job does not end: %+v, %v", job, err)
	}
	return job
}

// count is how many executions a filter selects.
func (s *site) count(f engine.Filter) int {
	s.t.Helper()
	c, err := s.Count(s.t.Context(), f)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.Total
}

// In one action all are retried that failed with one error.
func TestRetryTheForty(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	s.busy(100)
	redriven := engine.Filter{Function: "shop", Statuses: []protocol.ExecutionStatus{protocol.ExecutionSucceeded}}
	before := s.count(redriven)
	s.openBank()
	b.open("/ui/")
	b.shows("PaymentDeclined", "the bank is closed")
	b.click(".groups a", "Redrive all 40 …")
	b.shows("Redrive 40 executions?")
	b.accessible("plan")
	b.fits("plan")
	b.picture("plan-light")
	b.click("button", "Redrive 40 executions")
	if job := s.job(b); job.Total != 40 || job.Done != 40 {
		t.Errorf("got the job %+v, want 40 done", job)
	}
	b.shows("40")
	b.until("the job has ended on its page, too", `!document.querySelector("form[action='/ui/cancel-job']")`)
	b.accessible("job")
	b.fits("job")
	b.picture("job-light")
	s.rests()
	succeeded := func() int { return s.count(redriven) - before } // as of a while ago, as who counts shares an answer
	if !wait(t, func() bool { return succeeded() == 40 }) {
		t.Errorf("%d of the forty succeeded", succeeded())
	}
	b.click("nav a", "Executions")
	b.shows("Executions")
	b.until("the group is gone", `!document.body.innerText.includes("Redrive all 40") &&
		!(document.querySelector(".groups")?.innerText ?? "").includes("the bank is closed")`)
	b.open("/ui/?Error=PaymentDeclined&Redriven=yes")
	b.shows("redriven")
	b.accessible("redriven")
	b.click(".rows a", "redriven")
	b.shows("SUCCEEDED", "Fork of")
	b.click("dd a", "payment-0039 of shop")
	b.shows("FAILED", "redriven as", "Redrive again")
	b.accessible("an execution that was redriven")
	b.fits("an execution that was redriven")
	b.click("nav a", "Jobs")
	b.shows("Redr")
	b.accessible("jobs")
	b.fits("jobs")
	b.picture("jobs-light")
	b.size(phone)
	b.fits("jobs, narrow")
	b.accessible("jobs, narrow")
	b.picture("jobs-narrow")
}

// What is selected one by one, and no other, is stopped.
func TestStopSelectedOnes(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arns := map[string]string{}
	for _, name := range []string{"one", "two", "three"} {
		arns[name] = s.start(name, event{Do: "approval"})
		s.waits(arns[name], "manager")
	}
	b.open("/ui/")
	b.shows("three")
	b.click("input[type=checkbox]", "Select one")
	b.click("input[type=checkbox]", "Select two")
	b.shows("2 selected")
	if err := s.Pause(t.Context(), arns["three"], "", false); err != nil { // rows change, the selection stays
		t.Fatal(err)
	}
	b.shows("PAUSED", "2 selected")
	b.click("#bulk button", "Stop …")
	b.shows("Stop 2 executions?")
	b.fill("input[name=reason]", "Why", "sold out")
	b.click("form button", "Stop 2 executions")
	if job := s.job(b); job.Done != 2 || job.Reason != "sold out" {
		t.Errorf("got the job %+v, want two done", job)
	}
	s.is(arns["one"], protocol.ExecutionStopped)
	s.is(arns["two"], protocol.ExecutionStopped)
	s.is(arns["three"], protocol.ExecutionPaused)
}

// Each action is done to all that match a filter.
func TestActionsOnAllThatMatch(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	const n = 3
	for i := range n {
		s.waits(s.start(fmt.Sprintf("ask-%d", i), event{Do: "approval", Value: "all"}, "batch=a"), "manager")
		s.waits(s.start(fmt.Sprintf("no-%d", i), event{Do: "approval"}, "batch=b"), "manager")
		s.waits(s.start(fmt.Sprintf("cold-%d", i), event{Do: "wait", N: 86400}, "batch=c"), "cooling-off")
	}
	for _, step := range []struct {
		filter, button string
		fill           func()
		press          string
		then           engine.Filter
	}{
		{"Tag=batch=a", "Pause …", nil, "Pause 3 executions",
			engine.Filter{Statuses: []protocol.ExecutionStatus{protocol.ExecutionPaused}}},
		{"Status=PAUSED", "Resume …", nil, "Resume 3 executions", engine.Filter{Name: "ask-*", Doing: []engine.Activity{engine.Callback}}},
		{"Name=ask-*", "Answer callbacks …", func() { b.fill("textarea[name=result]", "Result", "yes to") }, "Complete the callbacks of 3",
			engine.Filter{Name: "ask-*", Statuses: []protocol.ExecutionStatus{protocol.ExecutionSucceeded}}},
		{"Name=no-*", "Answer callbacks …", func() {
			b.click(".plan .tabs a", "With an error")
			b.fill("input[name=error-message]", "Error", "no")
		}, "Fail the callbacks of 3", engine.Filter{Name: "no-*", Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}}},
		{"Tag=batch=c&Doing=waiting", "Skip waits …", nil, "Skip the waits of 3",
			engine.Filter{Name: "cold-*", Statuses: []protocol.ExecutionStatus{protocol.ExecutionSucceeded}}},
	} {
		q, err := url.ParseQuery(step.filter)
		if err != nil {
			t.Fatal(err)
		}
		b.open("/ui/?" + q.Encode())
		b.click("#bulk label", "all")
		b.shows("All that match")
		b.click("#bulk button", step.button)
		if step.fill != nil {
			step.fill()
		}
		b.click("form button", step.press)
		if job := s.job(b); job.Done != n {
			t.Errorf("%s: got the job %+v, want %d done", step.button, job, n)
		}
		if !wait(t, func() bool { return s.count(step.then) == n }) {
			t.Errorf("%s: %d are as they should be, want %d", step.button, s.count(step.then), n)
		}
	}
	b.open("/ui/?Name=cold-*")
	b.click("#bulk label", "all")
	b.click("#bulk button", "Delete …")
	b.click("form button", "Delete 3 executions")
	job := s.job(b)
	if !wait(t, func() bool { return s.count(engine.Filter{Name: "cold-*"}) == 0 }) {
		t.Errorf("after the job %+v %d are not deleted", job, s.count(engine.Filter{Name: "cold-*"}))
	}
}

// A job that takes long is seen at work, live, goes on after the engine was killed, and is ended by its button.
func TestAJobAtWork(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	b.excuse("net::ERR_", "Failed to load resource")
	for i := range 60 {
		s.start(fmt.Sprintf("slow-%02d", i), event{Do: "approval"})
	}
	s.rests()
	b.open("/ui/?Name=slow-*")
	b.click("#bulk label", "all")
	b.click("#bulk button", "Pause …")
	b.fill("input[name=rate]", "At most so many a second", "2")
	b.click("form button", "Pause 60 executions")
	b.until("the page of the job is shown", `location.pathname === "/ui/job"`)
	b.until("it comes on", `/\b[2-9] of 60/.test(document.querySelector(".job-progress").innerText)`)
	b.picture("job-running-light")
	s.Restart()
	s.ready()
	b.until("the engine is back", `document.getElementById("connection").dataset.state === "live"`)
	b.until("it goes on", `/\b1[0-9] of 60/.test(document.querySelector(".job-progress").innerText)`)
	b.click("button", "Cancel")
	job := s.job(b)
	if !job.Canceled || job.Done < 10 || job.Done >= 60 {
		t.Errorf("got the job %+v, want a part done, and then canceled", job)
	}
	paused := engine.Filter{Statuses: []protocol.ExecutionStatus{protocol.ExecutionPaused}}
	if n := s.count(paused); n != job.Done {
		t.Errorf("%d are paused, and the job says %d", n, job.Done)
	}
	b.until("the page says so", `document.querySelector("h1 + .status").innerText.toLowerCase().includes("cancel")`)
}

func TestStartWithTagsAndKeptEvents(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	b.open("/ui/start")
	b.fill("textarea[name=event]", "", `{"do":"approval"`)
	b.until("the mistake is shown", `document.getElementById("json-state").innerText.length > 0`)
	b.accessible("start, with a mistake")
	b.picture("start-mistake-light")
	b.fill("textarea[name=event]", "", `{"do":"approval","value":"from the page"}`)
	b.click("button", "Format")
	b.until("the event is formatted", `document.querySelector("textarea[name=event]").value.includes("\n")`)
	b.click("summary", "Keep this event")
	b.fill("input[name=save-as]", "", "an approval")
	b.click("button", "Keep it")
	b.until("the event is kept", `document.querySelector("aside").innerText.includes("an approval")`)
	b.fill("input[name=name]", "", "tagged")
	b.fill("textarea[name=tags]", "", "customer=acme\ntier=gold")
	b.click("form#start button", "Start")
	b.shows("tagged", "RUNNING", "acme", "gold")
	if n := s.count(engine.Filter{Tags: map[string]string{"customer": "acme", "tier": "gold"}}); n != 1 {
		t.Errorf("%d executions have the tags, want 1", n)
	}
	b.open("/ui/start")
	b.click("aside a", "an approval")
	b.until("the event is there", `document.querySelector("textarea[name=event]").value.includes("from the page")`)
	b.click("aside button", "Delete the kept event an approval")
	b.until("the event is gone", `!document.querySelector("aside").innerText.includes("an approval")`)
}

// What is stuck is seen at once, with what it waits for; a filter is an address, and goes with paging.
func TestFindingIt(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	s.busy(160)
	b.open("/ui/")
	b.until("the stuck one is among what one sees first", `[...document.querySelectorAll("tr[data-row]")].some(e =>
		e.innerText.includes("order-stuck") && e.innerText.includes("manager") && e.getBoundingClientRect().bottom < 3 * innerHeight)`)
	b.click(".counts a", "Succeeded")
	b.until("only these are shown", `[...document.querySelectorAll("tr[data-row] .status")].every(e => e.innerText === "SUCCEEDED")`)
	first := eval[[]string](b, `[...document.querySelectorAll("tr[data-row] [data-open]")].map(e => e.innerText)`)
	b.click(".pager a", "Next →")
	b.until("others are shown", `document.querySelector("tr[data-row] [data-open]").innerText !== `+quote(first[0]))
	second := eval[[]string](b, `[...document.querySelectorAll("tr[data-row] [data-open]")].map(e => e.innerText)`)
	if strings.Contains(strings.Join(first, " "), second[0]) {
		t.Errorf("page 2 begins with %s, which was on page 1", second[0])
	}
	b.click(".pager a", "← Previous")
	b.until("the first are shown", `document.querySelector("tr[data-row] [data-open]").innerText === `+quote(first[0]))
	b.open("/ui/")
	b.press("/")
	b.until("the filter has the focus", `document.activeElement.name === "Name"`)
	b.press("*stuck")
	b.press("\r")
	b.until("only it is shown", `document.querySelectorAll("tr[data-row]").length === 1`)
	if got, want := eval[string](b, "location.search"), "?Name=*stuck"; got != want {
		t.Errorf("the address says %s, want what was filled in, %s", got, want)
	}
}
