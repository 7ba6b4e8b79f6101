package page

import (
	"net/url"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
)

// An execution is started with a version, tags and an event, from the input of another or from a kept event.
func TestStartForm(t *testing.T) {
	f := newFixture(t)
	f.crowd("done-1")
	want(t, f.get("/ui/start?function=work", 200), "data-json", "None of work yet", "done-1", "$LATEST",
		"perdure invoke --event event.json work<span")
	page := f.post("/ui/start", url.Values{"function": {"work"}, "name": {"done-2"}, "tags": {" tenant=acme \r\n\r\nurgent=\n"},
		"event": {`{"note":"` + `</textarea><script>alert(1)</script>"}`}}, 200)
	want(t, page, "done-2")
	two, err := f.engine.Named(t.Context(), "work", "done-2")
	if err != nil || two.Tags["tenant"] != "acme" || len(two.Tags) != 2 {
		t.Errorf("got the tags %v, %v", two.Tags, err)
	}
	page = f.get(startPath("work", "from", two.ARN), 200)
	want(t, page, "from the input of done-2", "tenant=acme\nurgent=", "&lt;/textarea&gt;")
	if strings.Contains(page, "<script>alert") {
		t.Error("an event became part of the page")
	}
}

// Events that are kept are there for all, and can be deleted.
func TestKeptEvents(t *testing.T) {
	f := newFixture(t)
	const name = `a "large" <order>`
	page := f.post("/ui/save-event", url.Values{"function": {"approve"}, "save-as": {name}, "event": {`{"n":7}`}}, 200)
	want(t, page, "a &#34;large&#34; &lt;order&gt;", "{&#34;n&#34;:7}", "from the saved event")
	want(t, f.post("/ui/save-event", url.Values{"function": {"approve"}, "save-as": {"x"}, "event": {"{\n \"a\": x}"}}, 400),
		"not JSON in line 2, column 7")
	f.post("/ui/save-event", url.Values{"function": {"approve"}, "event": {`{}`}}, 400)
	f.post("/ui/forget-event", url.Values{"function": {"approve"}, "saved": {name}}, 200)
	if all, err := f.engine.SavedEvents().List(t.Context(), "approve"); err != nil || len(all) > 0 {
		t.Errorf("got %v, %v after it was deleted", all, err)
	}
}

// A bad start says what is wrong with it, and starts nothing.
func TestBadStarts(t *testing.T) {
	f := newFixture(t)
	for text, bad := range map[string]url.Values{
		"is not JSON in line 1, column 1": {"event": {"x"}},
		"KEY=VALUE":                       {"tags": {"tenant"}},
		"a key of its own":                {"tags": {"a=1\na=2"}},
		"aws:":                            {"tags": {"aws:x=1"}},
		"name":                            {"name": {"a b"}},
	} {
		bad.Set("function", "approve")
		want(t, f.post("/ui/start", bad, 400), text)
	}
	if items, _, _ := f.engine.List(t.Context(), &engine.ListRequest{}); len(items) > 0 {
		t.Error("an execution was started")
	}
}
