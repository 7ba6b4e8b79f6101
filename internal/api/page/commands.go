package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/text"
)

// Command is what does the same in a terminal: a verb of perdure with this execution, and more arguments.
func (p *executionPage) Command(verb string, more ...string) string {
	if strings.HasPrefix(p.Name, "-") { // the command would take it for a flag
		return commandOf(append([]string{verb, p.ARN}, more...)...)
	}
	return commandOf(append([]string{verb, p.Name, "--function", p.Function}, more...)...)
}

// command is what does the same in a terminal as a form: with the flags that go with what is filled in. The browser
// shows these, by the style sheet, and puts in what is written, by the script.
type command struct {
	Line  string
	Flags []flag
}

// flag is a flag that comes with a field of the form: a box that is ticked, or a text that is not empty.
type flag struct {
	Field string
	Words string // the flag, with the spaces around it
	Takes string // stands for the field's text until that is put in; empty for a box
	Each  bool   // each line of the text has the flag
	Fixed bool   // it is always there
	Other bool   // it comes when the text is another one than the page brought, which only the script knows
}

// endOfLoop ends a command for each of several executions.
var endOfLoop = flag{Words: "; done", Fixed: true}

// flagsOf are the flags that the fields of forms stand for, by the verb of the command.
var flagsOf = map[string][]flag{
	"pause": {{Field: "reason", Words: " --reason ", Takes: "TEXT"},
		{Field: "keep-timeout", Words: " --keep-timeout"}},
	"resume": {{Field: "reason", Words: " --reason ", Takes: "TEXT"}},
	"stop": {{Field: "reason", Words: " --reason ", Takes: "TEXT"}, {Field: "kill", Words: " --kill"},
		{Field: "cascade", Words: " --cascade"}},
	"skip":    {{Field: "operation", Words: " --operation ", Takes: "OPERATION"}, {Field: "every", Words: " --all"}},
	"redrive": {{Field: "version", Words: " --to-version ", Takes: "VERSION"}},
	"callback succeed": {{Field: "operation", Words: " --operation ", Takes: "OPERATION"},
		{Field: "result", Words: " --result ", Takes: "TEXT"}},
	"callback fail": {{Field: "operation", Words: " --operation ", Takes: "OPERATION"},
		{Field: "error-type", Words: " --error-type ", Takes: "TYPE"},
		{Field: "error-message", Words: " --error-message ", Takes: "TEXT"}},
}

// FormCommand is the command of a form that acts on the execution.
func (p *executionPage) FormCommand(verb string) command {
	return command{p.Command(verb), flagsOf[verb]}
}

// AnswerCommands are those of the form that answers a callback: with one field for a result, and for a reason.
func (p *executionPage) AnswerCommands(callback string) []command {
	return []command{
		{commandOf("callback", "succeed", callback), []flag{{Field: "result", Words: " --result ", Takes: "TEXT"}}},
		{commandOf("callback", "fail", callback, "--error-type", "Rejected"),
			[]flag{{Field: "result", Words: " --error-message ", Takes: "TEXT"}}},
	}
}

// otherEvent is the flag of a copy with another event.
var otherEvent = flag{Field: "input", Words: " --event-json ", Takes: "JSON", Other: true}

// ForkBeforeCommand runs an operation again, in a copy.
func (p *executionPage) ForkBeforeCommand(operation string) command {
	return command{p.Command("fork", "--before", operation), []flag{otherEvent}}
}

// ForkAfterCommands are those of a copy in which an operation has ended with another result, or with an error.
func (p *executionPage) ForkAfterCommands(operation string) []command {
	line := p.Command("fork", "--after", operation)
	return []command{
		{line, []flag{{Field: "result", Words: " --result ", Takes: "TEXT", Fixed: true}}},
		{line, []flag{{Field: "error-type", Words: " --error-type ", Takes: "TYPE"},
			{Field: "error-message", Words: " --error-message ", Takes: "TEXT", Fixed: true}}},
	}
}

// endpointOf is the address under which somebody found the page, for commands that are to act on the same engine. It is
// empty where they do so anyway.
func endpointOf(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	_, port, _ := strings.Cut(route.DefaultAddress, ":")
	if r.Host == "" || r.Host == route.DefaultAddress || r.Host == "localhost:"+port {
		return ""
	}
	return "http://" + r.Host
}

// Here is a command, with the endpoint of this engine where it needs one. All commands that ask an engine pass through
// it on their way into a page.
func (f frame) Here(line string) string {
	if f.endpoint == "" {
		return line
	}
	return line + " --endpoint " + text.Quote(f.endpoint)
}

// FormHere is the same for the command of a form. The endpoint stands behind the flags, the first of which may belong
// to the last word of the line, but before what ends a loop.
func (f frame) FormHere(c command) command {
	words := f.Here("")
	if words == "" {
		return c
	}
	at := len(c.Flags)
	if at > 0 && c.Flags[at-1] == endOfLoop {
		at--
	}
	c.Flags = slices.Insert(slices.Clone(c.Flags), at, flag{Words: words, Fixed: true})
	return c
}

func commandOf(words ...string) string {
	line := "perdure"
	for _, word := range words {
		line += " " + text.Quote(word)
	}
	return line
}

// flagOf are the flags of a filter, by the keys of an address.
var flagOf = map[string]string{
	"Function": "--function", "Qualifier": "--version", "Name": "--name", "Status": "--status", "Doing": "--doing",
	"StartedAfter": "--started-after", "StartedBefore": "--started-before", "LongerThan": "--longer-than",
	"Error": "--error", "Tag": "--tag", "Redriven": "--redriven",
}

// filterFlags are the flags that say what a filter in an address does. A list takes the function as an argument.
func filterFlags(v url.Values, isList bool) string {
	line := ""
	for _, key := range engine.FilterKeys {
		for _, value := range v[key] {
			flag := " " + flagOf[key]
			switch {
			case key == "Function" && isList:
				flag = ""
			case key == "Since":
				flag, value = " --longer-than", ageOf(value)
			}
			line += flag + " " + text.Quote(value)
		}
	}
	return line
}

// ageOf is how long ago a moment was that a filter names, for a flag that takes no moments.
func ageOf(moment string) string {
	f, err := engine.ParseFilter(url.Values{"Since": {moment}}, time.Now())
	if err != nil {
		return moment
	}
	return time.Since(f.Since.Time()).Round(time.Second).String()
}
