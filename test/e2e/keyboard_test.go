package e2e

import (
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/perdure/perdure/protocol"
)

// An execution is found, opened and stopped with keys alone.
func TestKeysAlone(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	for _, name := range []string{"first", "second"} {
		s.waits(s.start(name, event{Do: "approval"}), "manager")
	}
	b.open("/ui/")
	b.shows("second")
	b.press("j")
	b.press("j")
	name := eval[string](b, "document.activeElement.innerText")
	b.press(kb.Enter)
	b.until("the execution is open", `document.querySelector("h1")?.innerText === `+quote(name))
	b.press("j")
	b.until("a row has the focus", `document.activeElement.matches(".timeline .name")`)
	b.press(kb.Enter)
	b.until("an operation is open", `document.querySelector("#details")`)
	b.press(kb.Escape)
	b.until("the operation is closed", `!document.querySelector("#details")`)
	b.press("a")
	b.tabTo("summary", "Stop …", 5)
	b.press(kb.Enter)
	b.tabTo("input[name=reason]", "Why", 5)
	b.press("wrong")
	b.tabTo("details[open] button", "Stop", 5)
	b.press(kb.Enter)
	b.shows("STOPPED", "wrong")
	s.is(s.named(name), protocol.ExecutionStopped)

	b.press("?")
	b.until("the help is open", `document.getElementById("help").open`)
	b.accessible("help")
	b.picture("help-light")
	b.press(kb.Escape)
	b.until("the help is closed", `!document.getElementById("help").open`)
	for key, title := range map[string]string{"f": "Functions", "n": "Engine", "e": "Executions", "s": "Start an execution"} {
		b.press("g")
		b.press(key)
		b.until("g "+key+" leads to "+title, "document.title.startsWith("+quote(title)+")")
	}
}

// What a pointer reaches is reached by the tab key, too, and one sees where one is.
func TestTabReachesEverything(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("reached", event{Do: "map", N: 20, Value: "wait"}, "a=b")
	s.waits(arn, "manager")
	s.is(s.start("failed", event{Do: "declined"}), protocol.ExecutionFailed)
	for _, path := range []string{"/ui/", pageOf(arn), pageOf(arn, "view", "history"), "/ui/function?name=shop", "/ui/start"} {
		b.open(path)
		b.until("the page is there", `document.querySelector("main")?.innerText`)
		total := eval[int](b, `(() => {
			window.left = new Set([...document.querySelectorAll("a[href], button, summary, input, select, textarea")]
				.filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.type !== "hidden" && e.tabIndex >= 0));
			window.blind = [];
			document.addEventListener("focusin", e => {
				left.delete(e.target);
				const style = getComputedStyle(e.target), shape = e.target.querySelector?.("rect");
				if (style.outlineStyle === "none" && !shape && style.boxShadow === "none") blind.push(e.target.outerHTML.slice(0, 120));
			});
			return left.size;
		})()`)
		for range total + 20 {
			b.press(kb.Tab)
		}
		if missed := eval[[]string](b, "[...left].filter(e => e.isConnected).map(e => e.outerHTML.slice(0, 160))"); len(missed) > 0 {
			t.Errorf("%s: the tab key does not lead to %q", path, missed)
		}
		if blind := eval[[]string](b, "blind"); len(blind) > 0 {
			t.Errorf("%s: one does not see the focus on %q", path, blind)
		}
	}
}
