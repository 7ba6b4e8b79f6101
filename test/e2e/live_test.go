package e2e

import (
	"testing"

	"github.com/perdure/perdure/protocol"
)

// While somebody types an answer the execution changes. The page shows it, and nothing that they did is lost.
func TestChangesArePutInPlace(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	b.size(900) // so that the details are below the window, and one scrolls
	arn := s.start("live", event{Do: "approval"})
	s.waits(arn, "manager")
	b.open(pageOf(arn))
	b.selects("manager-callback")
	b.click("summary", "Fork from here …")
	b.fill("textarea[name=result]", "", "approved by mar")
	eval[any](b, `(() => {
		document.activeElement.setSelectionRange(9, 11);
		scrollTo({top: 150, behavior: "instant"});
		window.mine = {typed: document.activeElement, row: document.querySelector(".timeline .row"),
			top: document.activeElement.getBoundingClientRect().top};
	})()`)
	same := func(when string) {
		t.Helper()
		for what, is := range map[string]string{
			"the page is the one that was opened": "window.mine",
			"the row is the same element":         `mine.row === document.querySelector(".timeline .row")`,
			"the field has the focus":             "document.activeElement === mine.typed",
			"what was typed is there":             `mine.typed.value === "approved by mar"`,
			"the selection is where it was":       "mine.typed.selectionStart === 9 && mine.typed.selectionEnd === 11",
			"what was unfolded is open":           `document.querySelector("details[id^=fork-]").open`,
			"what one looks at has not moved":     "Math.abs(mine.typed.getBoundingClientRect().top - mine.top) < 2",
		} {
			if !eval[bool](b, "Boolean("+is+")") {
				t.Errorf("%s: it is not so that %s", when, what)
			}
		}
	}
	if err := s.Pause(t.Context(), arn, "stocktaking", false); err != nil {
		t.Fatal(err)
	}
	b.shows("PAUSED", "stocktaking")
	same("paused")
	if err := s.Resume(t.Context(), arn, ""); err != nil {
		t.Fatal(err)
	}
	b.shows("RUNNING")
	same("resumed")
	b.press("y")
	b.click("#details button", "Succeed")
	b.shows("SUCCEEDED", "approved y mar")
}

func TestTheListChangesInPlace(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("live", event{Do: "approval"})
	s.waits(arn, "manager")
	b.open("/ui/")
	b.shows("live")
	eval[any](b, `window.mine = document.querySelector("a[data-open]"); mine.focus(); getSelection().selectAllChildren(mine)`)
	second := s.start("second", event{Do: "declined"})
	s.is(second, protocol.ExecutionFailed)
	b.shows("second", "FAILED")
	if err := s.SucceedCallback(t.Context(), s.callback(arn), []byte("yes")); err != nil {
		t.Fatal(err)
	}
	b.shows("SUCCEEDED")
	if !eval[bool](b, `mine.isConnected && document.activeElement === mine && mine.innerText === "live"`) {
		t.Error("the row that had the focus is another one")
	}
	if got := eval[string](b, "getSelection().toString()"); got != "live" {
		t.Errorf("of the text that was selected there is %q, want live", got)
	}
}

// An engine that is killed is away, and the page says so, until it is back.
func TestAnEngineThatWasKilled(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	b.excuse("net::ERR_", "Failed to load resource")
	arn := s.start("survivor", event{Do: "approval", Value: "at last"})
	s.waits(arn, "manager")
	b.open(pageOf(arn))
	b.until("the page hears of changes", `document.getElementById("connection").dataset.state === "live"`)
	eval[any](b, "window.mine = 1")
	s.Kill()
	b.shows("The engine does not answer")
	b.accessible("away")
	b.picture("away-light")
	b.fits("away")
	s.Start()
	s.ready()
	b.until("the engine is back", `document.getElementById("away").hidden`)
	b.until("the page hears of changes", `document.getElementById("connection").dataset.state === "live"`)
	if err := s.SucceedCallback(t.Context(), s.callback(arn), []byte("granted")); err != nil {
		t.Fatal(err)
	}
	b.shows("SUCCEEDED", "granted at last")
	if !eval[bool](b, "window.mine === 1") {
		t.Error("the page was loaded anew")
	}
}

// A button that is pressed while the engine is away says that nobody knows what became of it.
func TestAButtonWhileTheEngineIsAway(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	b.excuse("net::ERR_", "Failed to load resource")
	arn := s.start("survivor", event{Do: "wait", N: 3600})
	s.waits(arn, "cooling-off")
	b.open(pageOf(arn))
	b.shows("Skip the wait")
	s.Kill()
	b.click("button", "Skip the wait")
	b.shows("whether it was done is not known")
	s.Start()
	s.ready()
	b.until("the engine is back", `document.getElementById("away").hidden`)
	b.click("button", "Skip the wait")
	b.shows("SUCCEEDED")
}

// Whoever was logged out elsewhere is asked to log in, and comes back to where they were.
func TestASessionThatEnds(t *testing.T) {
	s := newLocked(t)
	b := s.tab()
	b.excuse("MIME type") // a stream is answered with the form to log in
	arn := s.start("secret", event{Do: "approval"})
	s.waits(arn, "manager")
	b.open(pageOf(arn))
	s.logIn(b, "boss")
	b.shows("secret")
	b.forget()
	if err := s.Pause(t.Context(), arn, "", false); err != nil {
		t.Fatal(err)
	}
	b.shows("Log in")
	s.logIn(b, "boss")
	b.shows("secret", "PAUSED")
}
