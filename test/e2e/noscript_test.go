package e2e

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"github.com/perdure/perdure/protocol"
)

// Without JavaScript all pages are readable, and all forms work.
func TestWithoutJavaScript(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open("/ui/")
	b.shows("perdure invoke")
	b.click("nav a", "Start")
	b.fill("input[name=name]", "Name", "by-hand")
	b.fill("textarea[name=event]", "Event", `{"do": "approval", "value": "by hand"}`)
	b.click("button", "Start")
	b.shows("by-hand", "RUNNING")
	s.waits(s.named("by-hand"), "manager")
	b.open(pageOf(s.named("by-hand")))

	b.click("summary", "Pause …")
	b.fill("input[name=reason]", "Why", "a reason")
	b.click("button", "Pause")
	b.shows("PAUSED", "a reason")
	b.click("button", "Resume")
	b.shows("RUNNING")
	b.selects("manager-callback")
	b.fill("textarea[name=result]", "", "granted")
	b.click("#details button", "Succeed")
	b.until("the answer was taken", `!document.querySelector("#details textarea[name=result]")`)
	s.is(s.named("by-hand"), protocol.ExecutionSucceeded)
	b.open(pageOf(s.named("by-hand")))
	b.shows("granted by hand")

	b.click(".tabs a", "History")
	b.shows("CallbackSucceeded")
	b.choose("select", "Type of event", "StepSucceeded")
	b.click("button", "Show")
	b.until("the history is filtered", "!document.body.innerText.includes('InvocationCompleted\\t')")
	b.click(".tabs a", "Log")
	b.shows("did reserve")
	for path, text := range map[string]string{"/ui/functions": "shop", "/ui/function?name=shop": "$LATEST", "/ui/engine": "Program"} {
		b.open(path)
		b.shows(text)
		b.fits(path + ", without JavaScript")
	}
	if eval[bool](b, `[...document.querySelectorAll(".scripted")].some(e => e.checkVisibility())`) {
		t.Error("what needs JavaScript is shown")
	}
	b.picture("noscript-light")
}

// Of a long timeline one sees a part, and links lead to the others.
func TestLongTimelineWithoutJavaScript(t *testing.T) {
	s := newSite(t, nil)
	arn := s.start("long", event{Do: "map", N: 200})
	s.is(arn, protocol.ExecutionSucceeded)
	b := s.tab()
	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(pageOf(arn, "fold", "none"))
	seen := map[string]bool{}
	for range 50 {
		for _, id := range eval[[]string](b, `[...document.querySelectorAll(".timeline .row")].map(e => e.id)`) {
			seen[id] = true
		}
		if !eval[bool](b, `[...document.querySelectorAll(".pager a")].some(a => a.innerText === "after")`) {
			break
		}
		from := eval[string](b, `document.querySelector(".pager").innerText`)
		b.click(".pager a", "after")
		b.until("other rows are shown", `document.querySelector(".pager").innerText !== `+quote(from))
	}
	if len(seen) != 601 {
		t.Errorf("links lead to %d rows, want 601", len(seen))
	}
}
