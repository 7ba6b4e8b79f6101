package text

import "testing"

func TestNearest(t *testing.T) {
	verbs := []string{"run", "serve", "invoke", "list", "get", "history", "stop", "CodeUri"}
	for word, want := range map[string]string{
		"rnu": "run", "server": "serve", "invok": "invoke", "hist": "history", "STOP": "stop", "codeurl": "CodeUri",
		"frobnicate": "", "x": "",
	} {
		if got := Nearest(word, verbs); got != want {
			t.Errorf("Nearest(%q): got %q, want %q", word, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, test := range []struct {
		s    string
		most int
		want string
	}{
		{"short", 5, "short"}, {"longer", 5, "long…"}, {"Zürich", 6, "Zürich"}, {"日本語", 2, "日…"}, {"日本", 0, "…"},
	} {
		if got := Clip(test.s, test.most); got != test.want {
			t.Errorf("Clip(%q, %d): got %q, want %q", test.s, test.most, got, test.want)
		}
	}
}

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
