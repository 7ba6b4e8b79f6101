package template

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// one is a template with one function, whose Properties end with more.
func one(more string) string {
	return `
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
` + more
}

// TestOrderExample reads the template that the repository ships.
func TestOrderExample(t *testing.T) {
	data, err := os.ReadFile("../../../examples/order/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("template.yaml", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Template{Functions: []*Function{{
		Position: Position{"template.yaml", 6, 3}, LogicalID: "OrderProcessingFunction", Name: "OrderProcessingFunction",
		CodeURI: ".", Handler: "bootstrap", Runtime: "provided.al2023", Architecture: "x86_64",
		Build:   Build{Method: "go1.x", Properties: map[string][]string{"TrimGoPath": {"true"}}},
		Timeout: 30 * time.Second, MemoryMB: 128,
		Durable: &Durable{ExecutionTimeout: time.Hour, RetentionDays: 7},
		Aliases: []string{"live"},
	}}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestTextsThatAreNoTemplates gives what is refused as a whole.
func TestTextsThatAreNoTemplates(t *testing.T) {
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	deeper := strings.Repeat("[", 100_000)
	for name, test := range map[string]struct{ text, want string }{
		"empty":            {"", "t: the template is empty"},
		"blank":            {"\n\n", "t: the template is empty"},
		"only a comment":   {"# nothing\n", "t: the template is empty"},
		"text":             {"hello", "t:1:1: this is no template: a map with Resources is wanted, not a value"},
		"a list":           {"- a\n", "t:1:1: this is no template: a map with Resources is wanted, not a list"},
		"no resources":     {"Description: x\n", "t:1:1: the template has no Resources"},
		"tab":              {"a: b\n\tc: d\n", "t:2:1: this is not YAML: "},
		"unclosed":         {"a: [b\nc: d\n", "t:2:2: this is not YAML: "},
		"binary":           {"\x7fELF\x00\x01", "t:1:1: this is not YAML: "},
		"not UTF-8":        {"a: \xff\xfe", "t:1:1: this is not YAML: "},
		"two documents":    {"Resources: {}\n---\na: b\n", "t:2:1: a second document begins here; a template is one"},
		"given twice":      {"a: 1\nb: 2\na: 3\n", `t:3:1: "a" is given twice, first in line 1`},
		"a map as key":     {"{a: b}: c\n", "t:1:1: a key is text, not a map"},
		"inside of itself": {"a: &x\n  - *x\n", "t:2:5: "},
		"unknown alias":    {"a: *x\n", "t:1:4: "},
		"deep":             {"Resources: " + deep, "t:1:112: nested more than 100 levels deep"},
		"deeper":           {"Resources: " + deeper, "t:1:"},
		"merged text":      {"a: &a x\nb:\n  <<: *a\n", "t:3:3: only maps can be merged with <<, not a value"},
		"resources a list": {"Resources: [a]\n", "t:1:12: Resources is a map, not a list"},
		"too large":        {strings.Repeat(" ", maxSize+1), "t: the template has 4194305 bytes; the most is 4194304"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("t", []byte(test.text), nil)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s…", err, test.want)
			}
		})
	}
}

// TestAliasesDoNotExplode gives small texts that stand for very large ones.
func TestAliasesDoNotExplode(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("Metadata:\n  a0: &a0 [x]\n")
	for i := 1; i <= 60; i++ {
		fmt.Fprintf(&laughs, "  a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	joined := "Metadata:\n  a0: &a0 aaaaaaaaaaaaaaaa\n"
	for i := 1; i <= 40; i++ {
		joined += fmt.Sprintf("  a%d: &a%d !Sub [\"${x}${x}\", {x: *a%d}]\n", i, i, i-1)
	}
	chosen := "Metadata:\n  a0: &a0 !Ref AWS::Partition\n"
	for i := 1; i <= 40; i++ {
		chosen += fmt.Sprintf("  a%d: &a%d !Join [\"\", [*a%d, *a%d]]\n", i, i, i-1, i-1)
	}
	variables := func(value string) string { return "      Environment: {Variables: {A: " + value + "}}\n" }
	for name, test := range map[string]struct{ text, want string }{
		"unused":   {laughs.String() + one(""), ""},
		"used":     {laughs.String() + one("      Architectures: *a60\n"), "a single value is wanted here, not a list"},
		"flat":     {laughs.String() + one("") + "    Metadata: {BuildProperties: {A: *a60}}\n", "a single value is wanted"},
		"Sub":      {joined + one(variables("*a40")), "more than"},
		"Join":     {chosen + one(variables("*a40")), "the template expands to more than 200000 values"},
		"too deep": {chain(500) + one(variables("*a500")), "nested more than 100 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			told := served(t, "t", []byte(test.text), nil)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if test.want == "" && !strings.Contains(told, "serves F") || !strings.Contains(told, test.want) {
				t.Errorf("got %.200v, want %q", told, test.want)
			}
		})
	}
}

// chain is a template whose aliases nest deeper than its text.
func chain(n int) string {
	s := "Metadata:\n  a0: &a0 [x]\n"
	for i := 1; i <= n; i++ {
		s += fmt.Sprintf("  a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	return s
}

// TestWideMergesAreBounded gives a text that merges a large map again and again.
func TestWideMergesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("Metadata:\n  wide: &w {")
	for i := range 10_000 {
		fmt.Fprintf(&b, "k%d: 1, ", i)
	}
	b.WriteString("}\n  many:\n")
	for range 10_000 {
		b.WriteString("  - <<: *w\n")
	}
	_, err := Parse("t", []byte(b.String()), nil)
	if err == nil || !strings.Contains(err.Error(), "the template merges too much") {
		t.Errorf("got %v, want a refusal", err)
	}
}

// TestMergeKeys reads what YAML merges: what stands in a map takes precedence.
func TestMergeKeys(t *testing.T) {
	text := `
Metadata:
  Common: &common {STAGE: test, LEVEL: info}
  More: &more {LEVEL: debug, COLOUR: red}
` + one(`      Environment:
        Variables:
          <<: [*common, *more]
          STAGE: prod
`)
	got, err := Parse("t", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"STAGE": "prod", "LEVEL": "info", "COLOUR": "red"}
	if diff := gocmp.Diff(want, got.Functions[0].Environment); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestParameters reads the function's name from a parameter.
func TestParameters(t *testing.T) {
	text := "Parameters: {Name: {Type: String, Default: first}}\n" + one("      FunctionName: !Ref Name\n")
	for _, test := range []struct {
		given map[string]string
		want  string
	}{
		{nil, "first"},
		{map[string]string{"Name": "second"}, "second"},
	} {
		got, err := Parse("t", []byte(text), &Options{Parameters: test.given})
		if err != nil {
			t.Fatal(err)
		}
		if name := got.Functions[0].Name; name != test.want {
			t.Errorf("with %v: got name %q, want %q", test.given, name, test.want)
		}
	}
}

// TestErrorsAreErrors finds single errors behind a wrapped error.
func TestErrorsAreErrors(t *testing.T) {
	_, err := Parse("t", []byte("Resources: [{A: {}}]"), nil)
	all, ok := errors.AsType[Errors](fmt.Errorf("reading: %w", err))
	if !ok || len(all) != 1 || all[0].Position != (Position{"t", 1, 12}) {
		t.Errorf("got %v", err)
	}
}

// FuzzParse looks for texts that crash the reader or keep it busy, and for
// functions that the engine would not take.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.txtar", "testdata/samples/*.txtar"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				f.Fatal(err)
			}
			for _, file := range archive.Files {
				if file.Name != "want" {
					f.Add(file.Data)
				}
			}
		}
	}
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Add([]byte(one("      Environment: {Variables: {A: !Sub [\"${x}\", {x: !Join [a, [b, !GetAtt F.Arn]]}]}}\n")))
	f.Add([]byte("Resources: &a\n  A: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Parse("t", data, &Options{Read: func(string) ([]byte, error) { return data, nil }})
		if err != nil {
			return
		}
		for _, fn := range got.Functions {
			if !validName(fn.Name) || (fn.CodeURI == "") == (fn.Inline == "") || fn.Runtime == "" || fn.Timeout <= 0 ||
				fn.MemoryMB < minMemory {
				t.Errorf("accepted an impossible function: %+v", fn)
			}
			for name, value := range fn.Environment {
				if strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
					t.Errorf("accepted an impossible variable: %q=%q", name, value)
				}
			}
		}
	})
}
