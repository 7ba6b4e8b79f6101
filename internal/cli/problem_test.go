package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		want   string
		status int
	}{
		{"nothing", nil, "", StatusOK},
		{"usage", Usagef("no %s", "x").Hintf("try y"), "perdure: no x\nhint: try y\n", StatusUsage},
		{"wrapped", fmt.Errorf("while: %w", Faultf("broken")), "perdure: broken\n", StatusFault},
		{"another error", errors.New("boom"), "perdure: boom\n", StatusFault},
		{"silent", &Problem{Status: StatusFailed}, "", StatusFailed},
		{"lines become one", Usagef("a\n  b\x1b[31m"), "perdure: a b\uFFFD[31m\n", StatusUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			if got := Report(&b, test.err); got != test.status || b.String() != test.want {
				t.Errorf("Report: status %d, output %q, want %d, %q", got, b.String(), test.status, test.want)
			}
		})
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü 漢":    "plain ü 漢",
		"a\tb":         "a b",
		"\x1b[2Jx":     "\uFFFD[2Jx",
		"a\x00\x9b":    "a\uFFFD\uFFFD",
		"\u009bx":      "\uFFFDx",
		"abc\u202edef": "abc\uFFFDdef",
		"\xff\xfeok":   "\uFFFDok",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestPayload(t *testing.T) {
	for in, want := range map[string]string{
		"{\n  \"a\": \"x  y\"\n}\n": `{"a":"x  y"}`,
		"not\nJSON":                 "not\uFFFDJSON",
	} {
		if got := Payload(in); got != want {
			t.Errorf("Payload(%q): got %q, want %q", in, got, want)
		}
	}
}
