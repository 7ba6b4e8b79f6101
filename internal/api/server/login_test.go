package server

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

// browser keeps cookies and does not follow redirects.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// visit says what a browser gets: the status, and where it is sent.
func visit(t *testing.T, b *http.Client, method, url string, form url.Values) (status int, to string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

// A browser says of a form where it comes from, which the guard asks for, only where a page lets it.
func TestFormsSayWhereTheyComeFrom(t *testing.T) {
	base := "http://" + start(t, allFaces(), secured())
	resp, err := browser(t).Get(base + "/ui/login")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("got the referrer policy %q, want same-origin: with none the origin of a form is null", got)
	}
	if policy := resp.Header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe-inline") {
		t.Errorf("the policy allows code within the page: %s", policy)
	}
}

func TestLogin(t *testing.T) {
	base := "http://" + start(t, allFaces(), secured())
	b := browser(t)
	want := func(method, path string, form url.Values, status int, to string) {
		t.Helper()
		gotStatus, gotTo := visit(t, b, method, base+path, form)
		if gotStatus != status || gotTo != to {
			t.Errorf("%s %s: got %d to %q, want %d to %q", method, path, gotStatus, gotTo, status, to)
		}
	}
	enter := func(key, secret, to string) url.Values {
		return url.Values{"key": {key}, "secret": {secret}, "to": {to}}
	}
	want("GET", "/ui/execution?status=FAILED", nil, 302, "/ui/login?to=%2Fui%2Fexecution%3Fstatus%3DFAILED")
	want("POST", "/ui/stop", nil, 403, "")
	want("POST", "/ui/login", enter("AKIDDEPLOY", "wrong", ""), 403, "")
	want("POST", "/ui/login", enter("", "", ""), 403, "")
	want("POST", "/ui/login", enter(" AKIDVIEWER ", viewer.Secret+" ", "https://evil.example/ui/"), 303, "/ui/")
	want("GET", "/ui/execution", nil, 200, "")
	want("POST", "/ui/stop", nil, 403, "") // viewer may only look
	want("GET", "/perdure/about", nil, 403, "")
	want("POST", "/ui/logout", nil, 303, "/ui/login")
	want("GET", "/ui/", nil, 302, "/ui/login?to=%2Fui%2F")
	want("POST", "/ui/login", enter("AKIDDEPLOY", deploy.Secret, "/ui/execution?status=FAILED"), 303, "/ui/execution?status=FAILED")
	want("POST", "/ui/stop", nil, 200, "")
}

// TestSessionsAreTheirs: a session is good for whom and for how long it says.
func TestSessions(t *testing.T) {
	l := newLogin(keys{deploy, viewer}, true)
	now := time.Now()
	good := l.seal(&deploy, now.Add(time.Hour))
	rotated := deploy
	rotated.Secret += "x"
	for name, test := range map[string]struct {
		value string
		login *login
		known bool
	}{
		"good":            {good, l, true},
		"over":            {l.seal(&deploy, now), l, false},
		"another's name":  {strings.Replace(good, "DEPLOY", "VIEWER", 1), l, false},
		"longer":          {strings.Replace(good, ".", ".1", 1), l, false},
		"cut":             {good[:len(good)-1], l, false},
		"nonsense":        {"a.b", l, false},
		"another node":    {good, newLogin(keys{deploy}, true), true},
		"taken out":       {good, &login{credentials: keys{viewer}, secure: true}, false},
		"another secret":  {good, &login{credentials: keys{rotated}, secure: true}, false},
		"without TLS now": {good, &login{credentials: keys{deploy}}, false},
	} {
		r := &http.Request{Header: http.Header{"Cookie": {"__Host-perdure=" + test.value}}}
		if got := test.login.session(r); (got != nil) != test.known {
			t.Errorf("%s: got %v, want it known: %v", name, got, test.known)
		}
	}
	c := l.cookie(good, 60)
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("got cookie %v", c)
	}
}

func TestTriesAreCounted(t *testing.T) {
	var try tries
	try.init()
	allowed := map[string]int{}
	for range 2 * triesOfOne {
		for _, host := range []string{"192.0.2.1", "192.0.2.2"} {
			if try.allow(host) {
				allowed[host]++
			}
		}
	}
	for host, n := range allowed {
		if n < triesOfOne || n > 2*triesOfOne { // the minute may have ended
			t.Errorf("%s: got %d tries, want %d", host, n, triesOfOne)
		}
	}
	n := 0
	for i := range 2 * triesOfAll {
		if try.allow(string(rune('a' + i))) {
			n++
		}
	}
	if n > 2*triesOfAll-1 {
		t.Errorf("got %d tries in all, want %d", n, triesOfAll)
	}
}
