package e2e

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/protocol"
)

// Each button is pressed as a person does it, and what it did is seen on the page and told by the engine.

func TestStop(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("stopped", event{Do: "approval"})
	s.waits(arn, "manager")
	b.open(pageOf(arn))
	b.click("summary", "Stop …")
	b.fill("input[name=reason]", "Why", "wrong address")
	b.click("button", "Stop")
	b.shows("STOPPED", "wrong address", "Redrive")
	if x := s.is(arn, protocol.ExecutionStopped); x.Error == nil || x.Error.ErrorMessage != "wrong address" {
		t.Errorf("got the error %+v, want the reason", x.Error)
	}
}

func TestStopWithKillAndCascade(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("killed", event{Do: "work", N: 3600})
	s.waits(arn, "running")
	b.open(pageOf(arn))
	b.click("summary", "Stop …")
	b.click("label", "end what runs of it now")
	b.click("button", "Stop")
	b.shows("STOPPED")
	s.rests() // the body has ended, an hour early

	parent := s.start("family", event{Do: "parent"})
	s.waits(parent, "delegate")
	b.open(pageOf(parent))
	b.click(".timeline .name", "delegate")
	b.click("#details a", "its execution")
	b.shows("manager", "Invoked by")
	child := eval[string](b, "new URL(location).searchParams.get('arn')")
	b.click("dd a", "family")
	b.shows("delegate")
	b.click("summary", "Stop …")
	b.click("label", "stop also what it invoked")
	b.click("button", "Stop")
	b.shows("STOPPED")
	s.is(child, protocol.ExecutionStopped)
}

func TestPauseAndResume(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("paused", event{Do: "approval"})
	s.waits(arn, "manager")
	b.open(pageOf(arn))
	b.click("summary", "Pause …")
	b.fill("input[name=reason]", "Why", "end of month")
	b.click("button", "Pause")
	b.shows("PAUSED", "end of month")
	if x := s.is(arn, protocol.ExecutionPaused); x.Pause == nil || x.Pause.Reason != "end of month" {
		t.Errorf("got the pause %+v, want the reason", x.Pause)
	}
	b.click("button", "Resume")
	b.shows("RUNNING")
	s.is(arn, protocol.ExecutionRunning)
}

func TestAnswerACallback(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	for _, test := range []struct {
		button, text string
		status       protocol.ExecutionStatus
		shown        string
	}{
		{"Succeed", "granted", protocol.ExecutionSucceeded, "granted to Ada"},
		{"Fail", "no budget", protocol.ExecutionFailed, "no budget"},
	} {
		arn := s.start("", event{Do: "approval", Value: "to Ada"})
		s.waits(arn, "manager")
		b.open(pageOf(arn))
		b.selects("manager-callback")
		b.fill("textarea[name=result]", "", test.text)
		b.click("#details button", test.button)
		b.shows(string(test.status), test.shown)
		s.is(arn, test.status)
	}
}

func TestTimersComeEarly(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("cold", event{Do: "wait", N: 86400})
	s.waits(arn, "cooling-off")
	b.open(pageOf(arn))
	b.click("button", "Skip the wait")
	b.shows("SUCCEEDED")
	s.is(arn, protocol.ExecutionSucceeded)

	one := s.start("colder", event{Do: "wait", N: 86400})
	s.waits(one, "cooling-off")
	b.open(pageOf(one))
	b.selects("cooling-off")
	b.click("button", "End the wait now")
	b.shows("SUCCEEDED")

	retry := s.start("flaky", event{Do: "retry"})
	s.waits(retry, "connection refused")
	b.open(pageOf(retry))
	b.selects("charge")
	s.openBank()
	b.click("button", "Try now")
	b.shows("SUCCEEDED")

	late := s.start("late", event{Do: "approval"})
	s.waits(late, "manager")
	b.open(pageOf(late))
	b.selects("manager-callback")
	b.click("button", "Time it out now")
	b.shows("FAILED")
	s.is(late, protocol.ExecutionFailed)
}

func TestRedriveForkDelete(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("payment", event{Do: "declined", Value: "by card"})
	s.is(arn, protocol.ExecutionFailed)
	b.open(pageOf(arn))
	b.shows("the bank is closed")
	s.openBank()
	b.click("button", "Redrive")
	b.shows("SUCCEEDED", "paid by card", "Fork of")
	if now := eval[string](b, "new URL(location).searchParams.get('arn')"); now == arn {
		t.Error("the page of the new execution is that of the old one")
	}

	b.click("dd a", "payment")
	b.shows("FAILED")
	b.selects("reserve")
	b.click("summary", "Fork from here …")
	b.fill("form[action='/ui/fork'] textarea[name=result]", "", `"other goods"`)
	b.click("button", "Fork with this result")
	b.shows("SUCCEEDED", "Fork of")
	b.selects("reserve")
	b.shows("other goods")

	b.open(pageOf(arn))
	b.selects("charge")
	b.click("summary", "Fork from here …")
	b.click("button", "Run this operation again")
	b.shows("SUCCEEDED", "paid by card")

	b.open(pageOf(arn))
	b.selects("charge")
	b.click("summary", "Fork from here …")
	b.fill("form[action='/ui/fork'] textarea[name=input]", "", `{"do": "declined", "value": "in cash"}`)
	b.click("button", "Run this operation again")
	b.shows("SUCCEEDED", "paid in cash", "Fork of")

	b.open(pageOf(arn))
	b.click("summary", "Delete …")
	b.click("button", "Delete")
	b.until("the list is shown", "location.pathname === '/ui/'")
	if _, err := s.Execution(t.Context(), arn); err == nil || !strings.Contains(err.Error(), "not") {
		t.Errorf("the execution is still there: %v", err)
	}
}
