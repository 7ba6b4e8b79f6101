package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
)

// Once all failures of a group are redriven the group is gone, they are with the rest, and each says what was made of
// it; what was not redriven stays. The list is filtered by either.
func TestWhatWasRedrivenIsDealtWith(t *testing.T) {
	f := newFixture(t)
	f.crowd("fail-1", "fail-2", "done-1")
	want(t, f.settled("/ui/"), "Redrive all 2 …", "Failed in the last day")
	find := func(name string) engine.Summary {
		t.Helper()
		one, err := f.engine.Named(t.Context(), "work", name)
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	old, older := find("fail-2"), find("fail-1")
	s, err := f.engine.Fork(t.Context(), &engine.ForkRequest{ARN: old.ARN, Redrive: true, Name: "done-again"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Wait(t.Context(), s.ARN); err != nil {
		t.Fatal(err)
	}
	link := executionPath(s.ARN)
	for query, names := range map[string]string{
		"Redriven=yes": "fail-2", "Redriven=no": "fail-1 done-again done-1", "": "fail-1 done-again done-1 fail-2",
		"Redriven=no&Status=FAILED": "fail-1",
	} {
		page := f.settled("/ui/?" + query)
		if got := shown(page); got != names {
			t.Errorf("%s: got %s, want %s", query, got, names)
		}
		if has := strings.Contains(page, `">redriven</a>`); has != strings.Contains(names, "fail-2") {
			t.Errorf("%s: says that something was redriven: %t", query, has)
		}
	}
	page := f.settled("/ui/?Function=work")
	want(t, page, "Redrive all 1 …", `<span class="num">2</span> <span class="label">Failed`)
	want(t, strings.ToLower(page), `href="`+strings.ToLower(link)+`">redriven</a>`)
	want(t, f.get("/ui/?Redriven=yes", 200), `<option value="yes" selected>`, "perdure list --redriven yes",
		`<span class="soft">redriven</span> <span class="raw">yes</span>`)
	want(t, f.get("/ui/act?Action=redrive&All=1&Name=fail-*", 200), "1 execution")
	want(t, f.get("/ui/act?Action=redrive&All=1&Name=fail-*&Redriven=yes", 200), "--redriven yes")
	want(t, f.get(executionPath(old.ARN), 200), "redriven as <a", ">done-again</a> succeeded", "Redrive again")

	again, err := f.engine.Fork(t.Context(), &engine.ForkRequest{ARN: older.ARN, Redrive: true, Name: "done-more"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Wait(t.Context(), again.ARN); err != nil {
		t.Fatal(err)
	}
	for path, old := range map[string]string{"/ui/": "Redrive all 1 …", "/ui/function?name=work": "What failed, by error"} {
		// Counts are shared for a while, and the page knows.
		if page := f.get(path, 200); strings.Contains(page, old) && !strings.Contains(page, "data-refresh") {
			t.Errorf("%s shows what was, and does not ask again", path)
		}
	}
	page = f.settled("/ui/") + f.settled("/ui/function?name=work")
	if strings.Contains(page, "Redrive all") || strings.Contains(page, "What failed, by error") {
		t.Error("a group is left, and nothing of it")
	}
	f.post("/ui/delete", url.Values{"arn": {s.ARN}}, 200)
	want(t, f.get(executionPath(old.ARN), 200), "redriven as <bdi>done-again</bdi>")
}

// The forks of an open execution are known, too; and who comes back to a page hears what became of a fork.
func TestForksOnThePage(t *testing.T) {
	f := newFixture(t)
	arn := f.started()
	want(t, f.post("/ui/fork", url.Values{"arn": {arn}, "name": {"copy"}}, 200), "Fork of")
	page := f.get(executionPath(arn), 200)
	want(t, page, "<dt>Forks</dt>", ">copy</a> running")
	if strings.Contains(page, "redriven") {
		t.Error("a fork is taken for a redrive")
	}
	want(t, f.post("/ui/stop", url.Values{"arn": {arn}}, 200), ">copy</a> running")
	copied, err := f.engine.Named(t.Context(), "approve", "copy")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(tag string, status int) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", f.server.URL+executionPath(arn), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("If-None-Match", tag)
		reply, err := f.client().Do(r)
		f.body(reply, err, status)
		return reply.Header.Get("ETag")
	}
	tag := ask("", http.StatusOK)
	f.post("/ui/stop", url.Values{"arn": {copied.ARN}}, 200)
	tag = ask(tag, http.StatusOK)
	ask(tag, http.StatusNotModified)
	want(t, f.get(executionPath(arn), 200), ">copy</a> stopped")
}
