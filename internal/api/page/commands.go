package page

import "strings"

// Command is what does the same in a terminal: a verb of perdure with this execution, and more arguments.
func (p *executionPage) Command(verb string, more ...string) string {
	words := append([]string{"perdure", verb, p.Name, "--function", p.Function}, more...)
	for i, word := range words {
		words[i] = quoted(word)
	}
	return strings.Join(words, " ")
}

// quoted is a word for a shell.
func quoted(word string) string {
	plain := strings.IndexFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r))
	}) < 0
	if plain && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
