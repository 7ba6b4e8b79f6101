package server

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/memstore"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// broken is an engine that fails at some things, in each way there is.
type broken struct{ *engine.Engine }

func (b broken) List(ctx context.Context, req *engine.ListRequest) ([]engine.Summary, string, error) {
	if req.AttentionFirst { // the page of all executions
		panic("oh no")
	}
	return b.Engine.List(ctx, req)
}

func (broken) Nodes(context.Context) ([]engine.Node, error) {
	return nil, errors.New("secret of the disk")
}
func (broken) Pause(context.Context, *engine.PauseRequest) error {
	return protocol.Errorf(protocol.CodeConflict, "It is not running.")
}
func (broken) Resume(context.Context, *engine.ResumeRequest) error {
	return protocol.Errorf(protocol.CodeStorageFull, "The disk is full.")
}

// forPeople serves the page of a broken engine, beside the Lambda API.
func forPeople(t *testing.T, opts *Options) string {
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	err = e.Functions().Register(engine.Function{Name: "echo", Invoker: echoFunction{},
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	opts.Logger = slog.New(slog.DiscardHandler)
	faces := []*route.Face{lambdaapi.New(e, e.Functions(), &lambdaapi.Options{Logger: opts.Logger}),
		page.New(broken{e}, e.Functions(), &page.Options{Logger: opts.Logger})}
	return "http://" + start(t, faces, opts)
}

// asking is a request below /ui/ that is refused.
type asking struct {
	method, path string
	header       []string
	form         url.Values // with the token of the browser, unless it says another
	status       int
	says         string
}

// large is a value of a form.
func large(n int) []string { return []string{strings.Repeat("x", n)} }

// unknown are the requests that nothing below /ui/ answers, whoever asks.
var unknown = []asking{
	{"GET", "/ui/nothing", nil, nil, 404, "There is no such page"},
	{"GET", "/ui/nothing/at%2Fall?x=%zz", nil, nil, 404, "There is no such page"},
	{"GET", "/ui//", nil, nil, 404, "There is no such page"},
	{"GET", "/ui/assets/js/nothing.js", nil, nil, 404, "There is no such"},
	{"GET", "/ui/?Status=FAILED&" + strings.Repeat("x", route.MaxURL), nil, nil, 414, "too long"},
	{"GET", "/ui/stop", nil, nil, 405, "not for a GET"},
}

// forms are those that are refused to somebody who may do everything.
var forms = []asking{
	{"POST", "/ui/nothing", nil, url.Values{}, 404, "There is no such page"},
	{"POST", "/ui/functions", nil, url.Values{}, 405, "not for a POST"},
	{"DELETE", "/ui/execution", nil, nil, 405, "not for a DELETE"},
	{"OPTIONS", "/ui/", nil, nil, 405, "not for a OPTIONS"},
	{"PUT", "/ui", nil, nil, 405, "not for a PUT"},
	{"POST", "/ui/stop", nil, url.Values{"token": {"old"}}, 403, "This form is not of a page"},
	{"POST", "/ui/stop", nil, url.Values{"arn": {"nonsense"}}, 400, "nonsense"},
	{"POST", "/ui/start", nil, url.Values{"event": large(7 << 20)}, 413, "The form has more than"},
	{"POST", "/ui/start", nil, url.Values{"event": {"{"}}, 400, "not JSON"},
	{"POST", "/ui/pause", nil, url.Values{}, 409, "It is not running."},
	{"POST", "/ui/resume", nil, url.Values{}, 503, "The disk is full."},
	{"POST", "/ui/act", nil, url.Values{"Action": {"stop"}}, 400, "names no executions"},
	{"POST", "/ui/stop", []string{"Content-Type", "application/x-www-form-urlencoded; q"}, url.Values{}, 400, "could not be read"},
	{"POST", "/ui/stop", []string{"Content-Type", "multipart/form-data; boundary=x"}, url.Values{}, 403, "This form is not of a page"},
	{"POST", "/ui/stop", []string{"Origin", "https://evil.example"}, url.Values{}, 403, "other sites"},
	{"POST", "/ui/stop", []string{"Sec-Fetch-Site", "cross-site"}, url.Values{}, 403, "other sites"},
	{"POST", "/ui/stop", []string{"Host", "evil.example"}, url.Values{}, 403, `"evil.example" is not allowed`},
	{"GET", "/ui/", nil, nil, 500, "unexpected error"},
	{"GET", "/ui/engine", nil, nil, 500, "unexpected error"},
	{"GET", "/ui/execution?arn=nonsense", nil, nil, 400, "nonsense"},
	{"GET", "/ui/payload?arn=nonsense", nil, nil, 404, "no such payload"},
	{"GET", "/ui/live?arn=nonsense", nil, nil, 400, "nonsense"},
	{"GET", "/ui/job?id=nothing", nil, nil, 404, "nothing"},
	{"GET", "/ui/function?name=nothing", nil, nil, 404, "nothing"},
	{"GET", "/ui/", []string{"Host", "evil.example"}, nil, 403, `"evil.example" is not allowed`},
	{"GET", "/ui/", []string{"Sec-Fetch-Site", "cross-site"}, nil, 403, "other sites"},
}

// person is a browser, with the token of its forms.
type person struct {
	*http.Client
	base, token string
}

func (p *person) ask(t *testing.T, q asking) (*http.Response, string) {
	t.Helper()
	body := io.Reader(nil)
	if q.form != nil {
		form := url.Values{"token": {p.token}}
		for key, values := range q.form {
			form[key] = values
		}
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, p.base+q.path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Referer", p.base+"/ui/jobs?x=1")
	for i := 0; i < len(q.header); i += 2 {
		r.Header.Set(q.header[i], q.header[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	resp, err := p.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// wantPage checks that a refusal is a page for people: with a heading, what happened, and a way on.
func (p *person) wantPage(t *testing.T, q asking) {
	t.Helper()
	t.Run(fmt.Sprintf("%s %.40s %v", q.method, q.path, q.header), func(t *testing.T) {
		resp, text := p.ask(t, q)
		if resp.StatusCode != q.status {
			t.Errorf("got status %d, want %d", resp.StatusCode, q.status)
		}
		if kind := resp.Header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
			t.Errorf("got %s, want a page:\n%s", kind, text)
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("got the policy %q", policy)
		}
		for _, part := range []string{"<title>", "<h1>", q.says, `"/ui/`} {
			if !strings.Contains(html.UnescapeString(text), part) {
				t.Errorf("the page lacks %q:\n%s", part, text)
			}
		}
		if strings.Contains(text, "secret of the disk") || strings.Contains(text, "oh no") {
			t.Errorf("the page tells what only the log should:\n%s", text)
		}
	})
}

// someone is a person who has the token of forms, after a login if key is not empty.
func someone(t *testing.T, base, key, secret string) *person {
	t.Helper()
	p := &person{Client: browser(t), base: base}
	if key != "" {
		resp, _ := p.ask(t, asking{method: "POST", path: "/ui/login", form: url.Values{"key": {key}, "secret": {secret}}})
		if resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("the login got %s", resp.Status)
		}
	}
	_, form := p.ask(t, asking{method: "GET", path: "/ui/start"})
	if _, after, ok := strings.Cut(form, `name="token" value="`); ok {
		p.token, _, _ = strings.Cut(after, `"`)
	}
	return p
}

// TestPeopleGetPages: whatever is asked for below /ui/ and is not to be had, a browser gets a page that says so.
func TestPeopleGetPages(t *testing.T) {
	open := forPeople(t, &Options{})
	closed := forPeople(t, &Options{Credentials: secured().Credentials})
	t.Run("without credentials", func(t *testing.T) {
		p := someone(t, open, "", "")
		for _, q := range slices.Concat(unknown, forms) {
			p.wantPage(t, q)
		}
	})
	t.Run("operator", func(t *testing.T) {
		p := someone(t, closed, deploy.KeyID, deploy.Secret)
		for _, q := range slices.Concat(unknown, forms) {
			p.wantPage(t, q)
		}
		_, text := p.ask(t, asking{method: "POST", path: "/ui/pause", form: url.Values{}})
		if !strings.Contains(text, `href="/ui/jobs?x=1"`) || !strings.Contains(text, "Nothing was done.") {
			t.Errorf("there is no way back to the page of the form:\n%s", text)
		}
	})
	t.Run("reader", func(t *testing.T) {
		p := someone(t, closed, viewer.KeyID, viewer.Secret)
		for _, q := range unknown {
			p.wantPage(t, q)
		}
		p.wantPage(t, asking{"GET", "/ui/logout", nil, nil, 405, "not allowed on this path"})
		p.wantPage(t, asking{"POST", "/ui/stop", nil, url.Values{}, 403, "The access key of viewer may not do this"})
		p.wantPage(t, asking{"POST", "/ui/nothing", nil, url.Values{}, 403, "The access key of viewer may not do this"})
		if _, text := p.ask(t, asking{method: "POST", path: "/ui/stop", form: url.Values{}}); !strings.Contains(text, "read only") {
			t.Errorf("a reader is taken for a stranger:\n%s", text)
		}
	})
	t.Run("stranger", func(t *testing.T) {
		p := someone(t, closed, "", "")
		p.wantPage(t, asking{"POST", "/ui/stop", nil, url.Values{}, 403, "Your session has ended"})
		p.wantPage(t, asking{"DELETE", "/ui/nothing", nil, nil, 403, "Your session has ended"})
		p.wantPage(t, asking{"PUT", "/ui/login", nil, url.Values{}, 403, "Your session has ended"})
		p.wantPage(t, asking{"POST", "/ui/login", nil, url.Values{"key": large(maxForm)}, 413, "not what the form sends"})
		p.wantPage(t, asking{"POST", "/ui/stop", []string{"Host", "evil.example"}, url.Values{}, 403, "is not allowed"})
		for _, method := range []string{"GET", "HEAD"} {
			for _, path := range []string{"/ui", "/ui/nothing", "/ui/start"} {
				if resp, _ := p.ask(t, asking{method: method, path: path}); resp.StatusCode != http.StatusFound {
					t.Errorf("%s %s: got %s, want the way to the form", method, path, resp.Status)
				}
			}
		}
	})
}

// TestProgramsGetDocuments: elsewhere errors are documents, for browsers, too.
func TestProgramsGetDocuments(t *testing.T) {
	p := someone(t, forPeople(t, &Options{}), "", "")
	for _, q := range []asking{
		{"GET", "/nothing", []string{"Accept", "text/html"}, nil, 404, ""},
		{"GET", "/uix/", nil, nil, 404, ""},
		{"POST", "/2015-03-31/functions/nothing/invocations", nil, url.Values{}, 404, ""},
	} {
		resp, text := p.ask(t, q)
		if kind := resp.Header.Get("Content-Type"); resp.StatusCode != q.status || kind != "application/json" {
			t.Errorf("%s %s: got %s, %s, want a document:\n%s", q.method, q.path, resp.Status, kind, text)
		}
	}
}

// TestFormsThatStall: the body of a form that does not keep arriving is answered with a page, too.
func TestFormsThatStall(t *testing.T) {
	base := forPeople(t, &Options{Limits: Limits{SteadyTime: 100 * time.Millisecond}})
	p := someone(t, base, "", "")
	body, end := io.Pipe()
	t.Cleanup(func() { end.Close() })
	r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/ui/stop", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	go io.WriteString(end, "token=x")
	resp, err := p.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 408 || !strings.HasPrefix(kind, "text/html") {
		t.Errorf("got %s, %s, want 408 and a page", resp.Status, kind)
	}
}
