package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	width, height = 1280, 900
	phone         = 360
	// patience is how long a page may take to become what a test waits for, on a machine that is busy.
	patience = 2 * time.Minute
	// between is how often a page is looked at meanwhile.
	between = 30 * time.Millisecond
)

// tab is a browser with one page open, and no cookies at first.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string // the engine's URL

	mu      sync.Mutex
	trouble []string // what the browser complained of
	excused []string // texts of complaints that a test expects
}

// newTab opens a tab. Errors in its scripts, and whatever its policy keeps a page from, fail the test.
func newTab(t *testing.T, base string) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx, base: base}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	b.size(width)
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, text := range b.trouble {
			t.Errorf("the browser says: %s", text)
		}
	})
	return b
}

// excuse lets the browser say such things.
func (b *tab) excuse(texts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.excused = append(b.excused, texts...)
}

// hear notes what goes wrong in the page.
func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(e.ExceptionDetails)
		b.complain(string(text))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			text, _ := json.Marshal(e.Args)
			b.complain(string(text))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			b.complain(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *page.EventJavascriptDialogOpening:
		if e.Type != "confirm" {
			b.complain("a dialog: " + e.Message)
		}
		go chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
	}
}

func (b *tab) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, excused := range b.excused {
		if strings.Contains(text, excused) {
			return
		}
	}
	b.trouble = append(b.trouble, text)
}

// tell gives the browser a command, which must work.
func tell[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// open opens a page of the engine and waits until it is loaded.
func (b *tab) open(path string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(b.base+path)); err != nil {
		b.t.Fatalf("opening %s: %v", path, err)
	}
}

// eval is the value of an expression of JavaScript, which may be a promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := try[T](b, expression)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

func try[T any](b *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// until waits for an expression to become true, of a page that is loaded.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	last := error(nil)
	ok := wait(b.t, func() (ok bool) {
		ok, last = try[bool](b, "document.readyState === 'complete' && Boolean("+expression+")")
		return ok && last == nil
	})
	if !ok {
		text, _ := try[string](b, "document.title + '\\n' + document.body.innerText.slice(0, 3000)")
		b.picture("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatalf("%s: not within %v (%v); the page is %s", what, patience, last, text)
	}
}

// wait reports whether something becomes true in time.
func wait(t *testing.T, is func() bool) bool {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < patience; {
		if is() {
			return true
		}
		select {
		case <-t.Context().Done():
			return false
		case <-time.After(between):
		}
	}
	return false
}

// shows waits until the page shows a text.
func (b *tab) shows(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("the page shows %q", text), "document.body?.innerText.includes("+quote(text)+")")
	}
}

func quote(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can be encoded
	}
	return string(data)
}

// finder returns, as a function of JavaScript, the one element that one sees with a selector and a text: its own, its
// label's or that of its title. An empty text is any.
const finder = `(css, text) => {
	const seen = e => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length > 0;
	const words = e => [e.innerText, e.textContent, e.getAttribute("aria-label"), e.placeholder, e.value, e.labels?.[0]?.innerText]
		.map(s => (s ?? "").replace(/\s+/g, " ").trim());
	const all = [...document.querySelectorAll(css)].filter(seen);
	return text ? all.find(e => words(e).includes(text)) ?? all.find(e => words(e).some(w => w.startsWith(text) || w.endsWith(" " + text))) : all[0];
}`

// at is where an element is that can be clicked: in the middle of what is seen of it.
type at struct {
	X, Y  float64
	Cover string // what lies over it, if something does
}

// click presses the pointer on an element; see [finder].
func (b *tab) click(css, text string) {
	b.t.Helper()
	var before, where *at
	found := wait(b.t, func() bool {
		before = where
		where, _ = try[*at](b, fmt.Sprintf(`(() => {
			const e = document.readyState === "complete" && (%s)(%s, %s);
			if (!e || e.disabled) return null;
			e.scrollIntoView({block: "center", inline: "nearest", behavior: "instant"});
			const r = e.getClientRects()[0], x = r.x + r.width / 2, y = r.y + r.height / 2;
			const top = document.elementFromPoint(x, y);
			return {X: x, Y: y, Cover: e.contains(top) || top?.contains(e) ? "" : top?.outerHTML.slice(0, 200) ?? "nothing"};
		})()`, finder, quote(css), quote(text)))
		return where != nil && where.Cover == "" && before != nil && *before == *where // it does not move
	})
	if !found {
		b.picture("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatalf("there is no %s %q to click: %+v; %s", css, text, where, eval[string](b, "document.body.innerText.slice(0, 2000)"))
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.MouseClickXY(where.X, where.Y)); err != nil {
		b.t.Fatal(err)
	}
}

// fill types into a field, in place of what it holds.
func (b *tab) fill(css, text, value string) {
	b.t.Helper()
	b.click(css, text)
	b.until("the field has the focus", "document.activeElement.matches("+quote(css)+")")
	eval[any](b, "document.activeElement.select?.()")
	tell(b, input.InsertText, input.InsertTextParams{Text: value})
}

// choose chooses an option of a list by its text, or its value.
func (b *tab) choose(css, text, option string) {
	b.t.Helper()
	b.until("there is the list "+text, fmt.Sprintf(`(() => {
		const e = (%s)(%s, %s), o = [...e?.options ?? []].find(o => o.text === %[4]s || o.value === %[4]s);
		if (!o) return false;
		e.value = o.value;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`, finder, quote(css), quote(text), quote(option)))
}

// press presses keys, such as "j" or [kb.Enter].
func (b *tab) press(keys string) {
	b.t.Helper()
	for _, r := range keys {
		for _, e := range kb.Encode(r) {
			key := kb.Keys[r]
			switch {
			case e.Type == "char": // a page that takes a key for itself gets no character
				continue
			case e.Type != "keyUp" && key != nil && key.Print:
				e.Type, e.Text = "keyDown", key.Text
			}
			tell(b, input.DispatchKeyEvent, *e)
		}
	}
}

// tabTo presses the tab key until an element has the focus, at most so often.
func (b *tab) tabTo(css, text string, most int) {
	b.t.Helper()
	for range most {
		b.press(kb.Tab)
		if eval[bool](b, fmt.Sprintf("(%s)(%s, %s) === document.activeElement", finder, quote(css), quote(text))) {
			return
		}
	}
	b.t.Fatalf("%d tabs do not lead to %s %q", most, css, text)
}

// size makes the window so wide.
func (b *tab) size(wide int64) {
	b.t.Helper()
	tell(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: wide, Height: height, DeviceScaleFactor: 1, Mobile: wide <= phone})
}

// dark shows pages as somebody sees them who likes them dark.
func (b *tab) dark(yes bool) {
	b.t.Helper()
	scheme := "light"
	if yes {
		scheme = "dark"
	}
	tell(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// forget drops all cookies.
func (b *tab) forget() {
	b.t.Helper()
	tell(b, network.ClearBrowserCookies, cdp.Empty{})
}

// picture writes what one sees, if somebody wants pictures.
func (b *tab) picture(name string) {
	if *pictures == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	_, _ = try[any](b, "scrollTo({top: 0, behavior: \"instant\"})")
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil { // of a page that is too long, one sees the beginning
		png, err = chromedp.Run(ctx, chromedp.CaptureScreenshot())
	}
	if err != nil {
		b.t.Logf("no picture %s: %v", name, err)
		return
	}
	err = cmp.Or(os.MkdirAll(*pictures, 0o755), os.WriteFile(filepath.Join(*pictures, name+".png"), png, 0o644))
	if err != nil {
		b.t.Error(err)
	}
}

// violation is what axe-core objects to.
type violation struct {
	ID, Help string
	Nodes    []struct{ HTML, FailureSummary string }
}

// accessible fails the test if axe-core finds a violation: of these rules, or of all.
func (b *tab) accessible(where string, only ...string) {
	b.t.Helper()
	if *axeFile == "" {
		return
	}
	code, err := os.ReadFile(*axeFile)
	if err != nil {
		b.t.Fatal(err)
	}
	if !eval[bool](b, "'axe' in window") {
		eval[any](b, string(code)+";null")
	}
	rules := "undefined"
	if len(only) > 0 {
		rules = quote(strings.Join(only, " ")) + `.split(" ")`
	}
	found := eval[[]violation](b, fmt.Sprintf(`axe.run(document, {resultTypes: ["violations"], preload: false, runOnly: %s}).then(r =>
		r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 3).map(n =>
			({HTML: n.html.slice(0, 300), FailureSummary: n.failureSummary}))})))`, rules))
	for _, v := range found {
		for _, n := range v.Nodes {
			b.t.Errorf("%s: axe: %s (%s)\n%s\n%s", where, v.ID, v.Help, n.HTML, n.FailureSummary)
		}
	}
}

// fits fails the test if a page is wider than its window.
func (b *tab) fits(where string) {
	b.t.Helper()
	wide := eval[[]string](b, `(() => {
		const most = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= most) return [];
		return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > most + 1)
			.slice(0, 5).map(e => e.outerHTML.slice(0, 160));
	})()`)
	if len(wide) > 0 {
		b.t.Errorf("%s is wider than its window: %s", where, strings.Join(wide, "\n"))
	}
}
