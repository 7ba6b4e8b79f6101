package cli

import "testing"

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"plain/path.json": "plain/path.json",
		"":                "''",
		`{"a":1}`:         `'{"a":1}'`,
		"it's":            `'it'\''s'`,
		"$LATEST":         "'$LATEST'",
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q): got %s, want %s", in, got, want)
		}
	}
}
