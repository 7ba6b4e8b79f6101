package protocol

import (
	"encoding/json"
	"errors"
	"testing"
)

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

func TestInvalidUTF8(t *testing.T) {
	for text, want := range map[string]int{"": -1, "Zürich \ufffd 👩‍💻": -1, "a\xffb": 1, "ü\xc3": 2, "\xed\xa0\x80": 0} {
		if got := InvalidUTF8([]byte(text)); got != want {
			t.Errorf("InvalidUTF8(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestSyntaxTextNamesTheWholeCharacter(t *testing.T) {
	for data, want := range map[string]string{
		`{"a":é}`: "invalid character 'é' looking for beginning of value",
		`[1 日]`:   "invalid character '日' after array element",
		`{"a":x}`: "invalid character 'x' looking for beginning of value",
		`{`:       "unexpected end of JSON input",
	} {
		var v any
		syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal([]byte(data), &v))
		if !ok {
			t.Fatalf("%s: not a syntax error", data)
		}
		if got := SyntaxText([]byte(data), syntax); got != want {
			t.Errorf("%s: got %q, want %q", data, got, want)
		}
	}
}
