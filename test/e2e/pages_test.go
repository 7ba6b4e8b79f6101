package e2e

import (
	"testing"

	"github.com/perdure/perdure/protocol"
)

// look is a page in one of its states.
type look struct {
	name string // of its pictures
	path string
	text string               // that it shows when it is all there
	then func(b *tab)         // what one does before one looks; nil is nothing
	to   func(s *site) string // the path, if it depends on what is there
}

// looks opens pages, and holds each against what all must be: in light and dark, wide and narrow.
func (s *site) looks(t *testing.T, looks []look) {
	t.Helper()
	b := s.tab()
	b.t = t
	for _, l := range looks {
		if l.to != nil {
			l.path = l.to(s)
		}
		b.size(width)
		b.dark(false)
		b.open(l.path)
		b.shows(l.text)
		if l.then != nil {
			l.then(b)
		}
		b.accessible(l.name)
		b.fits(l.name)
		b.picture(l.name + "-light")
		b.dark(true)
		b.accessible(l.name+", dark", "color-contrast")
		b.picture(l.name + "-dark")
		b.dark(false)
		b.size(phone)
		b.fits(l.name + ", narrow")
		b.accessible(l.name + ", narrow")
		b.picture(l.name + "-narrow")
	}
}

func TestEmptyPages(t *testing.T) {
	s := newSite(t, nil)
	s.looks(t, []look{
		{name: "executions-empty", path: "/ui/", text: "perdure invoke"},
		{name: "functions-empty", path: "/ui/functions", text: "shop"},
		{name: "function-empty", path: "/ui/function?name=shop", text: "$LATEST"},
		{name: "engine-empty", path: "/ui/engine", text: "alone with its store"},
		{name: "jobs-empty", path: "/ui/jobs", text: "Nothing was done"},
		{name: "executions-none", path: "/ui/?Name=nobody", text: "No execution is like that"},
		{name: "start", path: "/ui/start", text: "Event"},
	})
}

func TestPagesThatRefuse(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	b.excuse("the server responded with a status of 4")
	for path, text := range map[string]string{
		"/ui/execution":              "ARN",
		"/ui/execution?arn=nonsense": "nonsense",
		"/ui/function?name=nobody":   "nobody",
		"/ui/?Status=SLEEPING":       "SLEEPING",
		"/ui/job?id=none":            "none",
		"/ui/act?Action=stop":        "No execution is selected",
		"/ui/act?Action=burn&All=1":  "burn",
		"/ui/nothing":                "There is no such page",
		"/ui/stop":                   "not for a GET",
	} {
		b.open(path)
		b.shows(text)
		b.accessible(path)
		b.fits(path)
	}
	b.picture("refusal-light")
}

func TestBusyPages(t *testing.T) {
	s := newSite(t, nil)
	s.busy(500)
	parcels := s.start("parcels", event{Do: "map", N: 60, Value: "wait"}, "customer=acme")
	s.waits(parcels, "manager")
	retry := s.start("retry", event{Do: "retry"})
	s.waits(retry, "connection refused")
	failed := s.named("payment-0003")
	s.is(failed, protocol.ExecutionFailed)
	big := s.start("big", event{Do: "big", N: 200_000})
	s.is(big, protocol.ExecutionSucceeded)
	s.looks(t, []look{
		{name: "executions", path: "/ui/", text: "order-stuck"},
		{name: "execution-waiting", path: pageOf(s.named("order-stuck")), text: "manager", then: func(b *tab) {
			b.selects("manager-callback")
			b.shows("heartbeat")
		}},
		{name: "execution-map", path: pageOf(parcels), text: "of 60"},
		{name: "execution-map-unfolded", path: pageOf(parcels, "fold", "none"), text: "printer has no paper"},
		{name: "execution-retrying", path: pageOf(retry), text: "connection refused"},
		{name: "execution-failed", path: pageOf(failed), text: "the bank is closed", then: func(b *tab) { b.selects("charge") }},
		{name: "execution-history", path: pageOf(parcels, "view", "history"), text: "ExecutionStarted"},
		{name: "execution-log", path: pageOf(parcels, "view", "log"), text: "did reserve"},
		{name: "execution-large", path: pageOf(big), text: "SUCCEEDED"},
		{name: "functions", path: "/ui/functions", text: "shop"},
		{name: "function", path: "/ui/function?name=shop", text: "PaymentDeclined"},
		{name: "engine", path: "/ui/engine", text: "Program"},
	})
}

func TestLogin(t *testing.T) {
	s := newLocked(t)
	b := newTab(t, s.Endpoint)
	b.excuse("the server responded with a status of 403")
	b.open("/ui/engine")
	b.shows("Log in")
	b.accessible("login")
	b.fits("login")
	b.picture("login-light")
	b.dark(true)
	b.picture("login-dark")
	b.accessible("login, dark")
	b.size(phone)
	b.fits("login, narrow")
	b.picture("login-narrow")
	b.size(width)
	b.fill("input", "Access key ID", "nobody")
	b.fill("input", "Secret access key", "nothing")
	b.click("button", "Log in")
	b.shows("no such access key")
	s.logIn(b, "boss")
	b.shows("Program", "boss") // where one was going
	b.click("button", "Log out")
	b.shows("Log in")
}
