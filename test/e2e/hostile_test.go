package e2e

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/protocol"
)

// What a function may say to harm whoever looks, and a part of it that one must see.
var evils = map[string]struct{ text, seen string }{
	"script":   {`</pre></script><script>window.evil=1</script><img src=x onerror="window.evil=1">`, `<script>window.evil=1</script>`},
	"handler":  {`" autofocus onfocus="window.evil=1" x="`, `onfocus="window.evil=1"`},
	"link":     {`javascript:window.evil=1//{{.}}${7*7}`, `javascript:window.evil=1//{{.}}${7*7}`},
	"emoji":    {"👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿 é́́́́́", "👩"},
	"rtl":      {"שלום עולם \u202eegnp.exe", "שלום"},
	"terminal": {"\x1b[31mred\x1b]0;title\x07\x1b[2J\u009b", "red"},
}

// Whatever an event, a name, an error or a log line is, it is text on every page, and nothing of it runs.
func TestHostileTexts(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	for name, evil := range evils {
		t.Run(name, func(t *testing.T) {
			b.t, s.t = t, t
			arn := s.start("evil-"+name, event{Do: "hostile", Value: evil.text})
			s.is(arn, protocol.ExecutionFailed)
			for _, path := range []string{"/ui/", pageOf(arn), pageOf(arn, "op", "1", "fold", "none"), pageOf(arn, "op", "2"),
				pageOf(arn, "view", "history"), pageOf(arn, "view", "log"), "/ui/function?name=shop", "/ui/start?from=" + arn,
				"/ui/act?Action=redrive&All=1"} {
				b.open(path)
				b.until(path+" is there", "document.querySelector('main')?.innerText")
				if eval[bool](b, `"evil" in window || Boolean(document.querySelector("main script, main img:not([alt]), [onfocus], [onerror]"))`) {
					t.Errorf("%s: something ran, or became an element", path)
				}
				shown := eval[string](b, "document.body.innerText")
				for _, bad := range []string{"\x1b", "\u009b", "\u202e"} {
					if strings.Contains(shown, bad) {
						t.Errorf("%s shows %q as it is", path, bad)
					}
				}
				b.fits(path)
			}
			b.open(pageOf(arn))
			b.shows(evil.seen)
			b.size(phone)
			b.fits("narrow")
			b.accessible("narrow")
			b.picture("hostile-" + name + "-narrow")
			b.size(width)
			b.picture("hostile-" + name + "-light")
		})
	}
	b.t, s.t = t, t
}

// Five megabytes of JSON are a page of some kilobytes, and a file.
func TestLargePayload(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("large", event{Do: "big", N: 5 << 20})
	s.is(arn, protocol.ExecutionSucceeded)
	b.open(pageOf(arn))
	b.click("summary", "Result")
	b.shows("more")
	if n := eval[int](b, "document.documentElement.outerHTML.length"); n > 500_000 {
		t.Errorf("the page has %d characters", n)
	}
	got := eval[int](b, `fetch([...document.querySelectorAll("a[download]")].find(a => a.href.includes("part=result")).href)
		.then(r => r.blob()).then(b => b.size)`)
	x, err := s.Execution(t.Context(), arn)
	if err != nil || x.Result == nil || got != len(*x.Result) {
		t.Errorf("the download has %d bytes, want all of the result (%v)", got, err)
	}
	b.picture("large-payload-light")
}
