package page

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
)

var (
	flagElement  = regexp.MustCompile(`data-flag="([^"]*)"( data-fixed| data-other)?`)
	fieldElement = regexp.MustCompile(`<(?:input|textarea)[^>]* name="([^"]*)"[^>]*>`)
)

// TestCommandsFollowTheirForms: each flag of a command is that of a field in the page, which can tell the style sheet
// whether it is filled in, and the style sheet knows it.
func TestCommandsFollowTheirForms(t *testing.T) {
	f := newFixture(t)
	arn := f.started()
	style := f.get(f.styleSheet("base"), 200)
	at := "/ui/execution?arn=" + url.QueryEscape(arn)
	seen := map[string]bool{}
	look := func(path string) {
		t.Helper()
		text := f.get(path, 200)
		fields := map[string]string{}
		for _, m := range fieldElement.FindAllStringSubmatch(text, -1) {
			fields[m[1]] += m[0]
		}
		for _, m := range flagElement.FindAllStringSubmatch(text, -1) {
			name, always, field := m[1], m[2] != "", fields[m[1]]
			seen[name] = true
			if field == "" {
				t.Errorf("%s: the flag of %s has no field", path, name)
			}
			if !always && !strings.Contains(field, `type="checkbox"`) && !strings.Contains(field, "placeholder=") {
				t.Errorf("%s: the field %s has no placeholder, so nobody knows whether it is empty", path, name)
			}
			if !always && !strings.Contains(style, `[data-flag="`+name+`"]`) {
				t.Errorf("%s: the style sheet does not know the flag of %s", path, name)
			}
		}
	}
	look(at)
	look("/ui/start?function=approve")
	for _, action := range engine.JobActions {
		look("/ui/act?All=1&Action=" + string(action))
	}
	f.post("/ui/succeed", url.Values{"arn": {arn}, "callback": {f.callback(at)}, "result": {`"yes"`}}, http.StatusOK)
	f.post("/ui/stop", url.Values{"arn": {arn}}, http.StatusOK)
	look(at + "&op=1")
	look("/ui/act?All=1&Action=redrive")
	for _, flags := range flagsOf {
		for _, one := range flags {
			if !seen[one.Field] {
				t.Errorf("no form was seen with %s", one.Field)
			}
		}
	}
}

// styleSheet is the address of a style sheet.
func (f *fixture) styleSheet(name string) string {
	f.t.Helper()
	m := regexp.MustCompile(`href="(/ui/static/css/` + name + `\.css[^"]*)"`).FindStringSubmatch(f.get("/ui/start", 200))
	if m == nil {
		f.t.Fatal("there is no such style sheet")
	}
	return m[1]
}

// callback is the id of the callback that a page offers to answer.
func (f *fixture) callback(path string) string {
	f.t.Helper()
	m := callbackID.FindStringSubmatch(f.get(path, 200))
	if m == nil {
		f.t.Fatal("there is no callback to answer")
	}
	return html.UnescapeString(m[1])
}

// TestCommandsOfPlans: a plan shows the command for all of a filter, and for those that were chosen.
func TestCommandsOfPlans(t *testing.T) {
	words := func(c *command) (all []string) {
		all = append(all, c.Line)
		for _, one := range c.Flags {
			all = append(all, one.Words+one.Takes)
		}
		return all
	}
	odd := "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/n/i"
	for name, test := range map[string]struct {
		got  *command
		want []string
	}{
		"all": {filterCommand(engine.JobStop, nil),
			[]string{"perdure stop --name '*'", " --reason TEXT", " --kill", " --cascade", " --rate N"}},
		"filter": {filterCommand(engine.JobFail, url.Values{"Function": {"pay"}}), []string{
			"perdure callback fail --function pay", " --operation OPERATION", " --error-type TYPE", " --error-message TEXT", " --rate N"}},
		"one": {chosenCommand(engine.JobDelete, []string{odd}), []string{"perdure delete '" + odd + "'"}},
		"several": {chosenCommand(engine.JobRedrive, []string{odd, "b"}), []string{
			"for arn in '" + odd + "' b; do perdure redrive \"$arn\"", " --to-version VERSION", "; done"}},
	} {
		if diff := cmp.Diff(test.want, words(test.got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if c := chosenCommand(engine.JobStop, slices.Repeat([]string{odd}, mostInCommand+1)); c != nil {
		t.Errorf("got a command of %d bytes for more executions than it may name", len(c.Line))
	}
}

// A name that looks like a flag, and a tag with a space at its end, are found by what the page says of them.
func TestOddNamesAreFound(t *testing.T) {
	f := newFixture(t)
	f.crowd("done-1")
	s, err := f.engine.Start(t.Context(), &engine.InvokeRequest{Function: "work", Name: "--help", Payload: []byte("1"),
		Tags: map[string]string{" key ": " value "}})
	if err != nil {
		t.Fatal(err)
	}
	list := f.settled("/ui/?" + url.Values{"Tag": {" key = value "}}.Encode())
	if got := shown(list); got != "--help" {
		t.Errorf("got %q, want the one with the tag", got)
	}
	want(t, list, "perdure list --tag &#39; key = value &#39; --attention")
	want(t, f.get(executionPath(s.ARN), 200), "perdure get &#39;"+s.ARN+"&#39;")
}

// Whoever asks for the head of a stream only is not kept waiting, and keeps no place.
func TestHeadOfAStream(t *testing.T) {
	f := newFixture(t)
	face := New(f.engine, f.engine.Functions(), nil)
	w := httptest.NewRecorder()
	ctx, gone := context.WithCancel(t.Context())
	gone()
	face.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodHead, "/ui/live?of=all", nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/event-stream" || w.Body.Len() != 0 {
		t.Errorf("got %d, %v and %d bytes", w.Code, w.Header(), w.Body.Len())
	}
}

var commandElement = regexp.MustCompile(`<span class="command"><code>(.*?)</code>`)

// commandsOf are the commands of pages, as the engine is asked under a host.
func (f *fixture) commandsOf(host string, header http.Header, paths ...string) (all []string) {
	f.t.Helper()
	for _, path := range paths {
		r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.server.URL+path, nil)
		if err != nil {
			f.t.Fatal(err)
		}
		r.Host, r.Header = host, header.Clone()
		answer, err := f.client().Do(r)
		found := commandElement.FindAllStringSubmatch(f.body(answer, err, http.StatusOK), -1)
		if len(found) == 0 {
			f.t.Errorf("%s has no command", path)
		}
		for _, m := range found {
			all = append(all, html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(m[1], "")))
		}
	}
	return all
}

// A command that is copied from a page acts on the engine of the page, under the address at which the page was found;
// where the command would find it anyway it says nothing of that.
func TestCommandsNameTheirEngine(t *testing.T) {
	f := newFixture(t)
	empty := []string{"/ui/", "/ui/jobs", "/ui/function?name=approve"}
	none := f.commandsOf("one.example:3001", http.Header{}, empty...)
	arn := f.started()
	f.crowd("fail-1", "call-1")
	f.act(url.Values{"Action": {"pause"}, "filter": {"Name=call-*"}, "rate": {"0.001"}}, http.StatusOK)
	jobs, err := f.engine.Jobs().List(t.Context())
	if err != nil || len(jobs) != 1 {
		t.Fatalf("got %v, %v", jobs, err)
	}
	failed, err := f.engine.Named(t.Context(), "work", "fail-1")
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/ui/", "/ui/jobs", jobPath(jobs[0].ID), "/ui/function?name=work", "/ui/start?function=approve",
		executionPath(arn), executionPath(arn) + "&op=1", executionPath(arn) + "&op=2", executionPath(failed.ARN),
		"/ui/act?Action=stop&All=1", "/ui/act?" + url.Values{"Action": {"stop"}, "ARN": {arn, failed.ARN}}.Encode()}
	for _, test := range []struct {
		host   string
		header http.Header
		want   string // empty for none
	}{
		{"one.example:3001", http.Header{}, " --endpoint http://one.example:3001"},
		{"127.0.0.1:3002", http.Header{}, " --endpoint http://127.0.0.1:3002"},
		{"[::1]:3001", http.Header{}, " --endpoint 'http://[::1]:3001'"},
		{"engine.example", http.Header{"X-Forwarded-Proto": {"https"}}, " --endpoint https://engine.example"},
		{"$(reboot);'x", http.Header{}, ` --endpoint 'http://$(reboot);'\''x'`},
		{"127.0.0.1:3001", http.Header{}, ""},
		{"localhost:3001", http.Header{}, ""},
	} {
		got := f.commandsOf(test.host, test.header, paths...)
		if test.host == "one.example:3001" {
			got = append(got, none...)
		}
		for _, line := range got {
			isLocal := strings.HasPrefix(line, "perdure dev ") || strings.HasPrefix(line, "perdure serve ")
			want := test.want != "" && !isLocal
			if has := strings.Contains(line, " --endpoint "); has != want || want && !strings.Contains(line, test.want) {
				t.Errorf("under %s: %s\nwant in it: %q", test.host, line, test.want)
			}
			if strings.HasPrefix(line, "for arn in") && !strings.HasSuffix(line, "; done") {
				t.Errorf("this loop does not end: %s", line)
			}
		}
	}
}
