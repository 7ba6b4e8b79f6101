package template

import (
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestScalars: a variable gets what it gets on AWS. SAM's command reads YAML 1.1
// with PyYAML, but for dates, which it leaves as they are (samcli/yamlhelper.py);
// CloudFormation takes YAML 1.1 without the tag timestamp ("Template formats" in
// its user guide), and hands texts on, with Java's forms of numbers.
func TestScalars(t *testing.T) {
	const leftOut = "\x00"
	for _, test := range []struct{ yaml, want, source string }{
		{"yes", "true", "PyYAML: bool"}, {"No", "false", "PyYAML: bool"}, {"ON", "true", "PyYAML: bool"}, {"off", "false", "PyYAML: bool"},
		{"True", "true", "PyYAML: bool"}, {"y", "y", "PyYAML: str; not in its words"}, {"yEs", "yEs", "PyYAML: str"},
		{`"yes"`, "yes", "quoted"}, {"'0123'", "0123", "quoted"},
		{"0123", "83", "PyYAML: int to the base of 8"}, {"-0123", "-83", "PyYAML"}, {"0189", "0189", "PyYAML: str; no octal digits"},
		{"012345678901", "012345678901", "PyYAML: str; an account with an 8 or a 9"}, {"00", "0", "PyYAML"}, {"0_1", "1", "PyYAML"},
		{"0x1F", "31", "PyYAML"}, {"0X1F", "0X1F", "PyYAML: str"}, {"0x_", "0x_", "no digits"}, {"0b101", "5", "PyYAML"},
		{"0o17", "0o17", "PyYAML: str, as that is YAML 1.2"},
		{"12:30:45", "45045", "PyYAML: int to the base of 60"}, {"-1:30", "-90", "PyYAML"}, {"1:60", "1:60", "PyYAML: str"},
		{"0:30", "0:30", "PyYAML: str"},
		{"24:00", "1440", "PyYAML"}, {"1:2:3.5", "3723.5", "PyYAML: float to the base of 60"}, {"-1:30.5", "-90.5", "PyYAML"},
		{"1_000", "1000", "PyYAML"}, {"+12", "12", "PyYAML"}, {"-0", "0", "PyYAML"},
		{"12345678901234567890123", "12345678901234567890123", "PyYAML: int of any size"},
		{"1.10", "1.1", "Java: Double"}, {"1.0", "1.0", "Java: Double"}, {"1.", "1.0", "PyYAML: float"}, {".5", "0.5", "PyYAML"},
		{"+.5", "+.5", "PyYAML: str"},
		{"1e3", "1e3", "PyYAML: str; its floats have a point"}, {"1.5e+3", "1500.0", "PyYAML"}, {"1.5e3", "1.5e3", "PyYAML: str"},
		{"1_0.5", "10.5", "PyYAML"},
		{"1.0e+20", leftOut, "with an exponent on AWS, of which the forms differ"}, {"0.00001", leftOut, "the same"},
		{".inf", leftOut, "not in JSON"}, {"-.Inf", leftOut, "not in JSON"}, {".NaN", leftOut, "not in JSON"},
		{"~", leftOut, "null, which CloudFormation refuses"}, {"Null", leftOut, "null"}, {"", leftOut, "null"},
		{"nULL", "nULL", "PyYAML: str"},
		{"2024-01-01", "2024-01-01", "SAM: as it is"}, {"2024-01-01T10:20:30Z", "2024-01-01T10:20:30Z", "SAM: as it is"},
		{"!!str 0123", "0123", "tagged"}, {"!!int '0x10'", "16", "tagged"}, {"!!timestamp 2024-01-01", "2024-01-01", "SAM: as it is"},
		{"!Sub yes", "yes", "SAM: construct_scalar, which is text"}, {"|-\n            yes", "yes", "a block is text"},
		{"=", "=", "text"}, {"1__0", "10", "PyYAML"},
	} {
		got, err := Parse("t", []byte(one("      Environment:\n        Variables:\n          V: "+test.yaml+"\n")), nil)
		if err != nil {
			t.Fatalf("%q: %v", test.yaml, err)
		}
		value, ok := got.Functions[0].Environment["V"]
		if !ok {
			value = leftOut
			if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0].Text, "the variable V of F") {
				t.Errorf("%q was left out without a word: %v", test.yaml, got.Warnings)
			}
		}
		if value != test.want {
			t.Errorf("%q: got %q, want %q (%s)", test.yaml, value, test.want, test.source)
		}
	}
}

// TestEncodings reads one template in all forms in which editors save it.
func TestEncodings(t *testing.T) {
	wide := func(text string, order binary.AppendByteOrder) []byte {
		var data []byte
		for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
			data = order.AppendUint16(data, unit)
		}
		return data
	}
	for format, text := range map[string]string{
		"YAML": "# ä\n" + one("      Environment: {Variables: {SMILE: \"\\U0001F600\", PLAIN: 😀}}\n"),
		"JSON": `{"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": ".", "Handler": "bootstrap",
			"Runtime": "provided.al2023", "Environment": {"Variables": {"SMILE": "\ud83d\ude00", "PLAIN": "😀"}}}}}}`,
	} {
		for name, data := range map[string][]byte{
			"UTF-8": []byte(text), "UTF-8 with a mark": []byte("\ufeff" + text),
			"UTF-16, little": wide(text, binary.LittleEndian), "UTF-16, big": wide(text, binary.BigEndian),
		} {
			got, err := Parse("t", data, nil)
			if err != nil {
				t.Errorf("%s in %s: %v", format, name, err)
				continue
			}
			want := map[string]string{"SMILE": "😀", "PLAIN": "😀"}
			if diff := gocmp.Diff(want, got.Functions[0].Environment); diff != "" {
				t.Errorf("%s in %s, -want +got:\n%s", format, name, diff)
			}
		}
	}
	for name, data := range map[string]string{"UTF-32": "\xff\xfe\x00\x00a\x00\x00\x00", "half a character": "\xff\xfea\x00b"} {
		if _, err := Parse("t", []byte(data), nil); err == nil || !strings.Contains(err.Error(), "save it as UTF-8") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestJSONIsRefusedWithItsPlace: what is wrong in JSON has a line and a column.
func TestJSONIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"{\"Resources\": {},\n \"Resources\": {}}":                           `t:2:2: "Resources" is given twice, first in line 1`,
		"{\"Resources\":\n  {\"ä\": {\"Type\": \"x\"}, \"ä\": 1}}":           `t:2:24: "ä" is given twice, first in line 2`,
		`{"a": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`: "t:1:107: nested more than 100 levels deep",
		`{"Resources": []}`: "t:1:15: Resources is a map, not a list",
		`{}`:                "t:1:1: the template has no Resources",
	} {
		if _, err := Parse("t", []byte(text), nil); err == nil || err.Error() != want {
			t.Errorf("%.60q: got %v, want %s", text, err, want)
		}
	}
	const cut = "{\"Description\": \"\\ud83d\\ude00\",\n \"Resources\" {}}"
	if _, err := Parse("t.json", []byte(cut), nil); err == nil || !strings.HasPrefix(err.Error(), "t.json:2:14: this is not JSON: ") {
		t.Errorf("got %v, want the place of the mistake", err)
	}
}

// TestParametersAreChecked: what somebody gives must be a parameter's, and one
// of its values.
func TestParametersAreChecked(t *testing.T) {
	text := "Parameters:\n  Stage: {Type: String, AllowedValues: [test, prod]}\n  Count: {Type: Number, Default: 1}\n" + one("")
	for _, test := range []struct{ name, value, want string }{
		{"Stag", "prod", `t: there is no parameter "Stag" (did you mean Stage?)`},
		{"Stage", "beta", `t:2:10: "beta" is none of the AllowedValues of the parameter Stage: test, prod`},
		{"Count", "many", `t:3:10: "many" is not a number, as the parameter Count is`},
	} {
		_, err := Parse("t", []byte(text), &Options{Parameters: map[string]string{test.name: test.value}})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s=%s: got %v, want %s", test.name, test.value, err, test.want)
		}
	}
}

// TestMemoryIsBounded gives texts of which much could be made.
func TestMemoryIsBounded(t *testing.T) {
	const most = 300 << 20
	full := func(front, piece, back string) string {
		return front + strings.Repeat(piece, (maxSize-len(front)-len(back))/len(piece)) + back
	}
	var loops strings.Builder
	loops.WriteString("Resources:\n")
	for i := range 40 {
		loops.WriteString(strings.Repeat(" ", i*4+2) + "Fn::ForEach::L" + strings.Repeat("x", i) + ":\n")
		indent := strings.Repeat(" ", i*4+2)
		loops.WriteString(indent + "  - I" + strings.Repeat("x", i) + "\n" + indent + "  - [a, b, c, d, e, f, g, h]\n" + indent + "  -\n")
	}
	long := "x: &x \"" + strings.Repeat("y", maxText) + "\"\n"
	var variables strings.Builder
	for i := range 5_000 {
		variables.WriteString("          V" + strings.Repeat("v", i%7) + string(rune('a'+i%26)) + strings.Repeat("w", i/26) +
			": !Sub [\"${x}\", {x: *x}]\n")
	}
	for name, text := range map[string]string{
		"JSON lists":    full(`{"a":[`, "[],", `[]]}`),
		"JSON maps":     full(`{"a":[`, `{"":{}},`, `0]}`),
		"YAML flow":     full("a: [", "[],", "[]]\n"),
		"YAML block":    full("a:\n", "-\n", ""),
		"YAML keys":     full("a:\n", " ? \n", ""),
		"YAML deep":     full("a: ", "- ", "b\n"),
		"long texts":    long + one("      Environment:\n        Variables:\n"+variables.String()),
		"loops in each": loops.String(),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Parse("t", []byte(text), nil)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("was read")
			}
			if made := after.TotalAlloc - before.TotalAlloc; made > most {
				t.Errorf("made %d MB of %d KB, want %d MB at most", made>>20, len(text)>>10, most>>20)
			}
		})
	}
}
