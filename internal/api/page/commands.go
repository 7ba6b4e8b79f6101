package page

import (
	"regexp"
	"strings"
)

// Command is what does the same in a terminal: a verb of perdure with this execution, and more arguments.
func (p *executionPage) Command(verb string, more ...string) string {
	words := append([]string{"perdure", verb, p.Name, "--function", p.Function}, more...)
	for i, word := range words {
		words[i] = quoted(word)
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[-\w./:=,@%+]+$`)

// quoted is a word for a shell.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
