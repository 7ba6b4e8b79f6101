package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/memstore"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
)

// newLocked is an engine that boss may use, and at which eyes may look.
func newLocked(t *testing.T) *site {
	t.Helper()
	perdure, _ := build(t)
	keys := filepath.Join(t.TempDir(), "keys")
	for name, access := range map[string]string{"boss": "full", "eyes": "read"} {
		out, err := exec.CommandContext(t.Context(), perdure, "credentials", keys, "--name", name, "--access", access).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	s := newSite(t, nil, "--credentials", keys)
	s.keys = keys
	s.Client.Key = s.key("boss")
	return s
}

// key is that of somebody in the file of credentials.
func (s *site) key(name string) (key sign.Credentials) {
	s.t.Helper()
	file, err := os.Open(s.keys)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	section := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
		}
		word, value, _ := strings.Cut(line, "=")
		if section != name {
			continue
		}
		switch strings.TrimSpace(word) {
		case "aws_access_key_id":
			key.KeyID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			key.Secret = strings.TrimSpace(value)
		}
	}
	return key
}

// logIn fills the form that the page shows.
func (s *site) logIn(b *tab, name string) {
	s.t.Helper()
	key := s.key(name)
	b.fill("input", "Access key ID", key.KeyID)
	b.fill("input", "Secret access key", key.Secret)
	b.click("button", "Log in")
	b.until("somebody is logged in", `document.querySelector(".user")`)
}

// buttons are the forms that each route takes, for an execution that waits and one that failed, whichever it is about.
// A route that is not here fails the test: whoever adds a button says here what a reader may not do.
var buttons = map[string]func(open, failed, callback string) url.Values{
	"start": func(_, _, _ string) url.Values {
		return url.Values{"function": {"shop"}, "name": {"by-eyes"}, "event": {"{}"}}
	},
	"stop": func(open, _, _ string) url.Values {
		return url.Values{"arn": {open}, "kill": {"on"}, "cascade": {"on"}}
	},
	"pause":   func(open, _, _ string) url.Values { return url.Values{"arn": {open}} },
	"resume":  func(open, _, _ string) url.Values { return url.Values{"arn": {open}} },
	"skip":    func(open, _, _ string) url.Values { return url.Values{"arn": {open}} },
	"delete":  func(_, failed, _ string) url.Values { return url.Values{"arn": {failed}} },
	"redrive": func(_, failed, _ string) url.Values { return url.Values{"arn": {failed}} },
	"fork":    func(open, _, _ string) url.Values { return url.Values{"arn": {open}, "before": {"2"}} },
	"succeed": func(open, _, id string) url.Values {
		return url.Values{"arn": {open}, "callback": {id}, "result": {"x"}}
	},
	"fail": func(open, _, id string) url.Values {
		return url.Values{"arn": {open}, "callback": {id}, "result": {"x"}}
	},
	"act": func(_, _, _ string) url.Values {
		return url.Values{"Action": {"redrive"}, "filter": {"Status=FAILED"}}
	},
	"cancel-job": func(_, _, _ string) url.Values { return url.Values{"id": {"none"}} },
	"save-event": func(_, _, _ string) url.Values {
		return url.Values{"function": {"shop"}, "save-as": {"x"}, "event": {"{}"}}
	},
	"forget-event": func(_, _, _ string) url.Values { return url.Values{"function": {"shop"}, "saved": {"x"}} },
}

// Whoever may only read sees no button, and is refused what each would do. The same form is taken from somebody who
// may, but for the token: so it is the key that is refused, and not the form.
func TestReadersPressNoButton(t *testing.T) {
	s := newLocked(t)
	open := s.start("open", event{Do: "approval"})
	s.waits(open, "manager")
	failed := s.start("failed", event{Do: "declined"})
	s.is(failed, protocol.ExecutionFailed)
	callback := s.callback(open)
	b := s.tab()
	b.open("/ui/")
	s.logIn(b, "eyes")
	b.shows("read only")
	for _, path := range []string{"/ui/", pageOf(open), pageOf(open, "op", "3"), pageOf(failed), pageOf(failed, "op", "2"), "/ui/start",
		"/ui/functions", "/ui/function?name=shop", "/ui/engine", "/ui/jobs",
		"/ui/act?Action=stop&All=1"} {
		b.open(path)
		forms := eval[[]string](b, `[...document.querySelectorAll("form[method=post]")].map(f => f.action).filter(a => !a.endsWith("/logout"))`)
		if len(forms) > 0 {
			t.Errorf("%s has buttons for somebody who may only read: %q", path, forms)
		}
	}
	before := s.state(open, failed)
	b.excuse("the server responded with a status of 403")
	for _, name := range posts(t) {
		form := buttons[name]
		if form == nil {
			t.Errorf("POST /ui/%s is in no test: add its form to the table of buttons", name)
			continue
		}
		reply := eval[struct {
			Status int
			Text   string
		}](b, fmt.Sprintf(`fetch("/ui/%s", {method: "POST", body: new URLSearchParams(%s)}).then(async r =>
			({Status: r.status, Text: await r.text()}))`, name, quote(form(open, failed, callback).Encode())))
		if reply.Status != http.StatusForbidden || !strings.Contains(reply.Text, "may not do this") {
			t.Errorf("POST /ui/%s: got %d %s, want 403 because of the key", name, reply.Status, reply.Text)
		}
	}
	if after := s.state(open, failed); after != before {
		t.Errorf("something was done: before\n%s\nafter\n%s", before, after)
	}
}

// posts are the routes of all buttons.
func posts(t *testing.T) (names []string) {
	t.Helper()
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	for _, r := range page.New(e, e.Functions(), nil).Routes {
		if r.Method == http.MethodPost {
			names = append(names, strings.TrimPrefix(r.Path, page.Prefix))
		}
	}
	slices.Sort(names)
	return names
}

// state is all that a button could change.
func (s *site) state(arns ...string) string {
	s.t.Helper()
	var b strings.Builder
	for _, arn := range arns {
		for e, err := range s.Events(s.t.Context(), arn, false) {
			fmt.Fprintln(&b, string(e.JSON), err)
		}
	}
	for one, err := range s.Executions(s.t.Context(), "shop", "", "") {
		fmt.Fprintln(&b, one, err)
	}
	jobs, err := s.Jobs(s.t.Context())
	fmt.Fprintln(&b, len(jobs), err)
	return b.String()
}

// callback is the id of the callback for which an execution waits.
func (s *site) callback(arn string) string {
	s.t.Helper()
	for e, err := range s.Events(s.t.Context(), arn, false) {
		if err != nil {
			s.t.Fatal(err)
		}
		if e.CallbackID != "" {
			return e.CallbackID
		}
	}
	s.t.Fatalf("%s waits for no callback", arn)
	return ""
}
