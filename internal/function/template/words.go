package template

import (
	"strconv"
	"strings"

	"github.com/perdure/perdure/internal/text"
)

// quoted puts text of the template between quotes, cut and on one line.
func quoted(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// quotedList is some texts of the template, cut and on one line.
func quotedList(texts []string) string {
	const most = 20
	var short []string
	for _, text := range texts[:min(len(texts), most)] {
		short = append(short, strings.Trim(quoted(text), `"`))
	}
	if len(texts) > most {
		short = append(short, "…")
	}
	return strings.Join(short, ", ")
}

// didYouMean is a suggestion to end a sentence with; empty if nothing is near.
func didYouMean(word string, known []string) string {
	if len(word) > 100 {
		return ""
	}
	best := text.Nearest(word, known)
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}
