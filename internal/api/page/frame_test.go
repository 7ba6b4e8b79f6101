package page

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/core/store/memstore"
)

// TestFormsNeedTheirToken: each button refuses a form without the token, and one with the token of another browser.
func TestFormsNeedTheirToken(t *testing.T) {
	f := newFixture(t)
	other := (&fixture{t: t, engine: f.engine, server: f.server}).token()
	f.token()
	for name := range (&site{}).actions() {
		for _, token := range []string{"", other} {
			r, err := f.client().PostForm(f.server.URL+"/ui/"+name, url.Values{"token": {token}, "function": {"approve"}})
			want(t, f.body(r, err, http.StatusForbidden), "Not allowed", "Nothing was done")
		}
	}
	if items, _, _ := f.engine.List(t.Context(), &engine.ListRequest{}); len(items) > 0 {
		t.Error("an execution was started")
	}
}

// reader shows the pages as somebody sees them who may only read.
func (f *fixture) reader() *fixture {
	site := New(f.engine, f.engine.Functions(), nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site.ServeHTTP(w, route.By(&route.Caller{Name: "viewer", Access: route.Readers, Session: "secret"}, r))
	}))
	f.t.Cleanup(server.Close)
	return &fixture{t: f.t, engine: f.engine, server: server}
}

// TestReadersSeeNoButtons: who may only read gets no form that changes anything, and no token; and each route that
// changes something is for operators.
func TestReadersSeeNoButtons(t *testing.T) {
	f := newFixture(t)
	arn := f.started()
	r := f.reader()
	for _, path := range []string{"/ui/", "/ui/start", "/ui/jobs", "/ui/act?Action=stop&All=1",
		"/ui/functions", "/ui/function?name=approve", "/ui/engine",
		executionPath(arn), "/ui/nothing"} {
		response, err := r.client().Get(r.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		page := r.body(response, err, response.StatusCode)
		page = strings.ReplaceAll(page, `method="post" action="/ui/logout"`, "")
		for _, wrong := range []string{`method="post"`, `name="token"`} {
			if strings.Contains(page, wrong) {
				t.Errorf("%s: a reader's page has %s", path, wrong)
			}
		}
	}
	want(t, r.get("/ui/", 200), "viewer", "read only", "Log out")
	for _, route := range New(f.engine, f.engine.Functions(), nil).Routes {
		if changes := route.Method == "POST"; changes != !isReadersRoute(route) {
			t.Errorf("%s %s is for %b", route.Method, route.Path, route.Access)
		}
	}
}

func isReadersRoute(r route.Route) bool { return r.Access&route.Readers != 0 }

// TestATokenBelongsToItsSession: of a session, the token needs no cookie of the page's, and is no other session's.
func TestATokenBelongsToItsSession(t *testing.T) {
	r := httptest.NewRequest("POST", "/ui/stop", nil)
	by := func(session string) *http.Request {
		return route.By(&route.Caller{Access: ^route.Access(0), Session: session}, r)
	}
	form := url.Values{tokenField: {formToken("mine")}}
	if err := checkToken(by("mine"), form); err != nil {
		t.Errorf("got %v for the token of the session", err)
	}
	for name, of := range map[string]*http.Request{"another session": by("theirs"), "no session": r} {
		if checkToken(of, form) == nil {
			t.Errorf("the token was taken of %s", name)
		}
	}
}

// inline matches what the policy forbids in a page.
var inline = regexp.MustCompile(`(?i)\s(style|on[a-z]+)=|<style|<script(?:>|[^>]*[^r]>)[^<]|javascript:|https?://`)

func TestTemplatesHaveNoInlineCode(t *testing.T) {
	err := fs.WalkDir(embedded, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".html" {
			return err
		}
		data, err := fs.ReadFile(embedded, name)
		if at := inline.Find(data); at != nil {
			t.Errorf("%s has %q", name, at)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVendoredCode: code of others is what its authors published, with its licence.
func TestVendoredCode(t *testing.T) {
	for name, want := range map[string]string{ // npm's idiomorph 0.8.0
		"idiomorph.min.js": "4cbd535caf7663a51eda9bce6595371c384fc430d54b8d414e29a61167f19f96",
		"LICENSE":          "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
	} {
		data, err := fs.ReadFile(embedded, "assets/thirdparty/idiomorph/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s has the sum %x, want %s", name, sum, want)
		}
	}
}

func TestAssetsAreKeptUntilTheyChange(t *testing.T) {
	f := newFixture(t)
	m := regexp.MustCompile(`href="(/ui/static/css/base.css\?[0-9a-f]+)"`).FindStringSubmatch(f.get("/ui/", 200))
	if m == nil {
		t.Fatal("the page has no style sheet")
	}
	for address, want := range map[string]string{m[1]: "max-age=31536000, immutable", "/ui/static/css/base.css": ""} {
		r, err := f.client().Get(f.server.URL + address)
		f.body(r, err, 200)
		if got := r.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: got Cache-Control %q, want %q", address, got, want)
		}
	}
	f.get("/ui/static/layout.html", 404)
	f.get("/ui/static/", 404)
}

// stream reads the events of a live page.
func (f *fixture) stream(ctx context.Context, query string, status int) (event func() string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", f.server.URL+"/ui/live?"+query, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.client().Do(r)
	if err != nil || answer.StatusCode != status {
		f.t.Fatalf("got status %v, %v, want %d", answer.StatusCode, err, status)
	}
	f.t.Cleanup(func() { answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	return func() string {
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				return name
			}
		}
		return "end"
	}
}

// TestAPageHearsOfChanges: of its execution and of its log, and the stream ends with the engine.
func TestAPageHearsOfChanges(t *testing.T) {
	f := newFixture(t)
	arn := f.started()
	one, all := f.stream(t.Context(), liveExecution(arn), 200), f.stream(t.Context(), liveAll, 200)
	expect := func(what string, events ...func() string) {
		t.Helper()
		for i, event := range events {
			got := event()
			for got == "beat" {
				got = event()
			}
			if got != "changed" {
				t.Fatalf("%s: stream %d got %q, want changed", what, i, got)
			}
		}
	}
	expect("at first", one, all)
	if err := f.engine.Pause(t.Context(), &engine.PauseRequest{ARN: arn}); err != nil {
		t.Fatal(err)
	}
	expect("after a pause", one, all)
	f.engine.Log(engine.LogLine{ExecutionARN: arn, Stream: "stdout", Text: "news"})
	expect("after a line of the log", one, all)
	if err := f.engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for got := one(); got != "end"; got = one() {
		if got != "beat" {
			t.Errorf("got %q after the engine closed", got)
		}
	}
}

// TestStreamsAreBounded: one more is refused, and there is room again when a page is gone.
func TestStreamsAreBounded(t *testing.T) {
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	s := &site{engine: e, streams: make(chan struct{}, 1)}
	server := httptest.NewServer(lambdaapi.Shell(nil)(s.live))
	t.Cleanup(server.Close)
	f := &fixture{t: t, engine: e, server: server}
	ctx, leave := context.WithCancel(t.Context())
	f.stream(ctx, liveAll, 200)()
	f.stream(t.Context(), liveAll, http.StatusTooManyRequests)
	leave()
	s.streams <- struct{}{} // once the page is gone
	<-s.streams
	f.stream(t.Context(), liveAll, 200)()
}
