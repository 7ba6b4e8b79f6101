package guides

import (
	"strings"
	"testing"
)

// TestWhatDoesNotRun: a guide cannot show what is not so.
func TestWhatDoesNotRun(t *testing.T) {
	code := block{language: "go", text: "// a.go\npackage main\n\nvar a = 1\n"}
	tests := []struct {
		name string
		b    block
		want string // in the error; empty is none
	}{
		{"prose in a fence", block{text: "an output\n"}, "neither a file nor a command"},
		{"another language", block{language: "rust", text: "fn main() {}\n"}, "neither a file nor a command"},
		{"another language, excused", block{language: "rust", text: "fn main() {}\n", unrun: "it is an example"}, ""},
		{"Go that cannot be read", block{language: "go", text: "func TestA( {\n"}, "expected"},
		{"statements", block{language: "go", text: "if 1 > 2 {\n\tt.Error(fmt.Sprint(1))\n}\n"}, ""},
		{"a change of nothing", block{language: "diff", text: "-var b = 1\n+var b = 2\n"}, "stand at 0 places"},
		{"a change", block{language: "diff", text: "-var a = 1\n+var a = 2\n"}, ""},
		{"another output", block{text: "$ echo one\ntwo\n"}, "printed:\none\n"},
		{"more output", block{text: "$ echo one; echo two\none\n"}, "printed:\none\ntwo\n"},
		{"progress", block{text: "$ echo 'building shop …'; echo one\none\n"}, ""},
		{"the second command", block{text: "$ echo one\none\n$ echo two\none\n"}, "echo two: printed"},
		{"a command that fails", block{text: "$ exit 3\n"}, "ended with exit status 3"},
		{"a command that should fail", block{text: "$ echo FAIL\nFAIL\n"}, "ended with <nil>"},
		{"a command that is to fail", block{text: "$ echo FAIL; exit 1\nFAIL\n"}, ""},
		{"no such command", block{text: "$ perdude\n…\n"}, "ended with exit status 127"},
		{"an engine that ends at once", block{text: "$ echo broken 127.0.0.1:3001 &\n"}, "broken"},
		{"a job that fails", block{text: "$ sh -c 'echo broken; exit 1' &\n$ wait %1\n"}, "broken"},
		{"a job that ends", block{text: "$ sleep 0 &\n$ wait %1\n$ sleep 0 &\n$ wait %1\n"}, ""},
		{"a job that is told to end", block{text: "$ sleep 100 &\n$ kill -9 %1\n$ wait %1\n"}, "killed"},
		{"no such job", block{text: "$ kill %2\n"}, "there is no job %2"},
		{"a variable", block{text: "$ export A=b\n$ echo $A\nb\n"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(t, nil)
			if err := s.run(code); err != nil {
				t.Fatal(err)
			}
			err := s.run(test.b)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
