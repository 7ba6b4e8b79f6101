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
