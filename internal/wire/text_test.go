package wire

import "testing"

func TestClipCutsBetweenCharacters(t *testing.T) {
	for _, test := range []struct {
		text string
		most int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "longe…"},
		{"Zürich", 2, "Z…"},
		{"日本", 5, "日…"},
		{"日本", 1, "…"},
		{"a\xff\xfe", 2, "a\xff…"},
	} {
		if got := Clip(test.text, test.most); got != test.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", test.text, test.most, got, test.want)
		}
	}
}
