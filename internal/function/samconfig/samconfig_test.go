package samconfig

import (
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func noFile(string) ([]byte, error) { return nil, fs.ErrNotExist }

// TestForms reads the ways in which SAM's command takes parameters.
func TestForms(t *testing.T) {
	for _, test := range []struct {
		name, file, text string
		want             Config
	}{
		{"a text", "samconfig.toml", `
version = 0.1
[default.global.parameters]
stack_name = "shop"
region = "eu-west-1"
[default.deploy.parameters]
template_file = ".aws-sam/build/template.yaml"
parameter_overrides = "Stage=\"prod\" Name='a b' Empty=\"\" Url=https://x/?a=b Spaced=a\\ b"
`, Config{StackName: "shop", Region: "eu-west-1", Parameters: map[string]string{"Stage": "prod", "Name": "a b", "Empty": "", "Url": "https://x/?a=b", "Spaced": "a b"}}},
		{"a list", "samconfig.toml", `
[default.deploy.parameters]
parameter_overrides = ["Stage=prod", "Colours=red,green", "ParameterKey=Long,ParameterValue=form"]
[default.build.parameters]
template = "infra/template.yaml"
`, Config{Template: "infra/template.yaml", Parameters: map[string]string{"Stage": "prod", "Colours": "red,green", "Long": "form"}}},
		{"the long form", "samconfig.toml", `
[default.deploy.parameters]
parameter_overrides = 'ParameterKey=A,ParameterValue=1 ParameterKey=B,ParameterValue="2 3"'
`, Config{Parameters: map[string]string{"A": "1", "B": "2 3"}}},
		{"a command over all", "samconfig.toml", `
[default.global.parameters]
parameter_overrides = "A=global B=global"
[default.deploy.parameters]
parameter_overrides = "A=deploy"
`, Config{Parameters: map[string]string{"A": "deploy"}}},
		{"this machine over the deployment", "samconfig.toml", `
[default.local_start_lambda.parameters]
parameter_overrides = "A=here"
[default.deploy.parameters]
parameter_overrides = "A=deploy"
`, Config{Parameters: map[string]string{"A": "here"}}},
		{"YAML", "samconfig.yaml", `
version: 0.1
default:
  deploy:
    parameters:
      stack_name: shop
      parameter_overrides:
        - Stage=prod
        - Count: 3
          Flag: true
          List: [a, b]
          Nothing:
`, Config{StackName: "shop", Parameters: map[string]string{"Stage": "prod", "Count": "3", "Flag": "True", "List": "a,b", "Nothing": ""}}},
		{"JSON", "samconfig.json", `{"default": {"deploy": {"parameters": {"parameter_overrides": {"Stage": "prod", "Big": 12345678901234567890}}}}}`,
			Config{Parameters: map[string]string{"Stage": "prod", "Big": "12345678901234567890"}}},
		{"with a mark", "samconfig.json", "\ufeff{}", Config{Parameters: map[string]string{}}},
		{"empty", "samconfig.yaml", "", Config{Parameters: map[string]string{}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(test.file, []byte(test.text), DefaultEnvironment, noFile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestFilesAreIncluded: parameters may be in files of their own.
func TestFilesAreIncluded(t *testing.T) {
	files := map[string]string{
		"conf/common.yaml": "- A: 1\n- file://more/b.json",
		"conf/more/b.json": `{"B": "2", "$include": "file://../c.toml"}`,
		"conf/c.toml":      `C = 3`,
	}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}
	got, err := Parse("conf/samconfig.toml", []byte("[prod.deploy.parameters]\nparameter_overrides = \"file://common.yaml\"\n"),
		"prod", read)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Parameters: map[string]string{"A": "1", "B": "2", "C": "3"},
		Files:      []string{"conf/common.yaml", "conf/more/b.json", "conf/c.toml"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestMistakes says what is wrong, and where.
func TestMistakes(t *testing.T) {
	overrides := func(value string) string { return "[default.deploy.parameters]\nparameter_overrides = " + value + "\n" }
	loop := func(string) ([]byte, error) { return []byte(`["file://again.json"]`), nil }
	for _, test := range []struct{ file, text, environment, want string }{
		{"samconfig.toml", "a = \n", "default", "samconfig.toml cannot be read: line 1, column 5: "},
		{"samconfig.yaml", "a: [", "default", "samconfig.yaml cannot be read: "},
		{"samconfig.json", "[1]", "default", "samconfig.json is not a map"},
		{"samconfig.toml", "[default]\n[test]\n", "prod", `samconfig.toml has no environment "prod", but default, test`},
		{"samconfig.toml", overrides(`"Stage"`), "default",
			`samconfig.toml: parameter_overrides of deploy: "Stage" is not of the form NAME=VALUE`},
		{"samconfig.toml", overrides("7"), "default", "samconfig.toml: parameter_overrides of deploy: 7 is neither NAME=VALUE nor a map"},
		{"samconfig.toml", overrides(`"file://again.json"`), "default",
			"samconfig.toml: parameter_overrides of deploy: is nested too deep"},
		{"samconfig.toml", "[default.deploy.parameters]\nstack_name = 7\n", "default",
			"samconfig.toml: stack_name of deploy is a text, not 7"},
		{"samconfig.toml", strings.Repeat("#", maxSize+1), "default", "samconfig.toml has 65537 bytes; the most is 65536"},
	} {
		_, err := Parse(test.file, []byte(test.text), test.environment, loop)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%.60q: got %v, want %s…", test.text, err, test.want)
		}
	}
}

// TestMemoryIsBounded gives texts of which much could be made.
func TestMemoryIsBounded(t *testing.T) {
	full := func(front, piece, back string) string {
		return front + strings.Repeat(piece, (maxSize-len(front)-len(back))/len(piece)) + back
	}
	for name, text := range map[string]string{
		"a.toml": full("a = [", "[],", "[]]"), "b.toml": full("a = ", "[", ""), "c.toml": full("a=", "{a=", ""),
		"d.toml": full("", "[a.a.a]\n", ""),
		"e.toml": full("[a", ".a", "]"),
		"a.json": full(`{"a":[`, "{},", "{}]}"), "b.json": full(`{"a":`, "[", ""),
		"a.yaml": full("a:\n", "-\n", ""), "b.yaml": full("a: ", "[", ""), "c.yaml": full("a: &a [x]\nb: [", "*a,", "*a]"),
		"d.yaml": "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d " +
			"[*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]\n",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = Parse(name, []byte(text), DefaultEnvironment, noFile)
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; made > 64<<20 {
			t.Errorf("%s: made %d MB of %d KB", name, made>>20, len(text)>>10)
		}
	}
}

// FuzzParse looks for files that crash the reader.
func FuzzParse(f *testing.F) {
	for i := range Names {
		f.Add(uint8(i), []byte("[default.deploy.parameters]\nparameter_overrides = [\"A=b\", \"ParameterKey=A,ParameterValue='x y'\"]\n"))
		f.Add(uint8(i), []byte("default: {deploy: {parameters: {parameter_overrides: [A=b, {C: [1, true]}, file://x.json]}}}\n"))
		f.Add(uint8(i), []byte(`{"default": {"global": {"parameters": {"parameter_overrides": "A=\"b\"", "region": "x"}}}}`))
	}
	f.Fuzz(func(t *testing.T, format uint8, data []byte) {
		name := Names[int(format)%len(Names)]
		c, err := Parse(name, data, DefaultEnvironment, func(string) ([]byte, error) { return data, nil })
		if (c == nil) == (err == nil) {
			t.Errorf("got %v and %v", c, err)
		}
	})
}
