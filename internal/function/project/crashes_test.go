package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/samconfig"
)

// readCrashes reads a template whose function has this PerdureMaxCrashes.
func readCrashes(t *testing.T, text, durable string) (*Project, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "template.yaml")
	template := "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Metadata: {PerdureMaxCrashes: " + text + "}\n" +
		"    Properties: {CodeUri: ., Handler: h, Runtime: provided.al2023" + durable + "}\n"
	if err := os.WriteFile(path, []byte(template), 0o644); err != nil {
		t.Fatal(err)
	}
	return Read(path, &Options{Environment: samconfig.DefaultEnvironment})
}

const isDurable = ", DurableConfig: {ExecutionTimeout: 60}"

// TestCrashLimitHasPlaces: what is said for one function on the command line comes before what is said there for all,
// which comes before the template; none is a limit, too.
func TestCrashLimitHasPlaces(t *testing.T) {
	limit := func(text string) (c engine.CrashLimit) {
		if text != "" {
			if err := c.UnmarshalText([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	for _, test := range []struct{ template, all, one, want string }{
		{"", "", "", ""},
		{"9", "", "", "9"}, {`"9"`, "", "", "9"}, {"9:pause", "", "", "9:pause"}, {`"9:pause"`, "", "", "9:pause"},
		{"9:fail", "", "", "9"}, {"0", "", "", "0"},
		{"", "3:pause", "", "3:pause"}, {"9", "3:pause", "", "3:pause"}, {"9:pause", "0", "", "0"},
		{"", "", "2", "2"}, {"9:pause", "", "2", "2"}, {"9:pause", "3:pause", "2", "2"}, {"9", "3", "0", "0"},
	} {
		p := &Program{Name: "F", Crashes: limit(test.one)}
		if test.template != "" {
			read, err := readCrashes(t, test.template, isDurable)
			if err != nil {
				t.Fatalf("%s: %v", test.template, err)
			}
			p.Spec = read.Programs[0].Spec
		}
		got := p.Function(&Settings{Crashes: limit(test.all)}).Durable.Crashes
		if want := limit(test.want); got != want {
			t.Errorf("%+v: got %+v, want %+v", test, got, want)
		}
	}
}

// TestBadCrashLimits: what a template says wrongly is told, with its place.
func TestBadCrashLimits(t *testing.T) {
	for text, durable := range map[string]string{
		"9:stop": isDurable, "-1": isDurable, "soon": isDurable, `"0:pause"`: isDurable, "9": "",
	} {
		p, err := readCrashes(t, text, durable)
		said := ""
		if p != nil {
			said = strings.Join(p.Notes(), "\n")
		}
		if err != nil {
			said += err.Error()
		}
		if !strings.Contains(said, "PerdureMaxCrashes") {
			t.Errorf("%s: got %q, want a word about PerdureMaxCrashes", text, said)
		}
	}
}
