package page

import (
	"net/url"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/text"
)

// Command is what does the same in a terminal: a verb of perdure with this execution, and more arguments.
func (p *executionPage) Command(verb string, more ...string) string {
	return commandOf(append([]string{verb, p.Name, "--function", p.Function}, more...)...)
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
