package page

import (
	"net/http"
	"strings"

	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// Whatever is below [Prefix] is asked for by people, so each request that fails there is answered with a page: what
// happened, what to do, and a way back. The shell gives errors their statuses, as it does for the APIs.

// refusal is the page of a request that failed.
type refusal struct {
	Heading string
	Message string
	Advice  string
	Back    string // the page that the request came from; empty if there is none
}

// refusals say for people what a status means, and what to do.
var refusals = map[int]struct{ heading, advice string }{
	http.StatusForbidden: {"Not allowed", ""}, // the message says what to do
	http.StatusNotFound: {"Not found",
		"It may be deleted, or gone with its retention; or a part of the address is missing."},
	http.StatusMethodNotAllowed: {"Not possible", "Pages are opened by their links, and forms sent by their buttons."},
	http.StatusRequestTimeout:   {"Not possible", "Send the form again."},
	http.StatusConflict:         {"Not possible", "Load the page again, to see how things stand."},
	http.StatusRequestEntityTooLarge: {"Too large",
		"Send less, or name a file to the command: its commands are on the page."},
	http.StatusRequestURITooLong:  {"Too long", "Select fewer, or say by a filter which ones are meant."},
	http.StatusTooManyRequests:    {"Too much at one time", "Wait a moment, and try again."},
	http.StatusServiceUnavailable: {"The engine cannot do this now", ""},
	http.StatusInternalServerError: {"The engine has a problem",
		"Its log says which. Load the page again, to see how things stand."},
}

var otherRefusal = struct{ heading, advice string }{"Not possible", "Go back, change it, and try again."}

// show answers with a page for a request that failed.
func (s *site) show(w http.ResponseWriter, r *http.Request, status int, message string) {
	words, ok := refusals[status]
	switch {
	case ok:
	case status < http.StatusInternalServerError:
		words = otherRefusal
	default:
		words = refusals[http.StatusInternalServerError]
	}
	p := refusal{Heading: words.heading, Message: message, Advice: words.advice, Back: route.CameFrom(r)}
	if r.Method == http.MethodPost && status < http.StatusInternalServerError {
		p.Advice = strings.TrimSpace("Nothing was done. " + p.Advice)
	}
	if !strings.HasPrefix(p.Back, Prefix) {
		p.Back = ""
	}
	setPolicy(w.Header())
	if err := s.render(w, r, status, "refusal", frame{Title: p.Heading, Page: p}); err != nil {
		s.log.Error("ui: a refusal could not be shown", "error", err)
		http.Error(w, message, status)
	}
}

// missing words why a request has no route.
func missing(r *http.Request, why route.Reason) error {
	err := lambdaapi.Refuse(r, why)
	refused, ok := err.(*protocol.Error)
	if !ok {
		return err
	}
	words := *refused
	switch why {
	case route.Unknown, route.NotEscaped:
		words.Message = "There is no such page."
	case route.NotMethod:
		words.Message = "There is a page at this address, but not for a " + protocol.Clip(r.Method, 20) + "."
	case route.TooLong:
		words.Message = "The address is too long."
	}
	return &words
}
