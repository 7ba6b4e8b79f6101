package portable

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

func sample() *File {
	return &File{ARN: "arn:x", Status: protocol.ExecutionSucceeded, Exported: 1_795_000_000_123,
		Entries: [][]byte{{1, 2, 0xff}, {}, []byte("third")}}
}

func written(t testing.TB, f *File) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRoundTrip(t *testing.T) {
	got, err := Read(strings.NewReader(written(t, sample())))
	if diff := cmp.Diff(sample(), got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestReadRefuses(t *testing.T) {
	whole := written(t, sample())
	lines := strings.SplitAfter(whole, "\n")
	for _, test := range []struct{ name, file, want string }{
		{"nothing", "", "it is no exported execution"},
		{"text", "hello\n", "it is no exported execution"},
		{"another JSON", "{\"a\":1}\n", "it is no exported execution"},
		{"newer", strings.Replace(whole, `"Version":2`, `"Version":3`, 1),
			"it has version 3 of the format, and this program reads version 2: update perdure"},
		{"cut in a line", whole[:len(whole)-10], "it is cut off"},
		{"cut between lines", lines[0] + lines[1], "it is cut off"},
		{"a line lost", lines[0] + lines[2] + lines[3] + lines[4], "it is damaged: entry 2 stands in the place of entry 1"},
		{"a byte changed", strings.Replace(whole, "AQL/", "AQL+", 1), "it is damaged: its checksum is another one"},
		{"the header changed", strings.Replace(whole, "SUCCEEDED", "FAILED", 1), "it is damaged: its checksum is another one"},
		{"more behind it", whole + "x", "it is damaged: something comes after its end"},
		{"a broken line", lines[0] + "{\n", "it is damaged: unexpected EOF"},
	} {
		if f, err := Read(strings.NewReader(test.file)); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, %v, want %q", test.name, f, err, test.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(written(f, sample())))
	f.Add([]byte(`{"Format":"perdure-execution","Version":2,"Entries":-1}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Read(bytes.NewReader(data))
		if (file == nil) == (err == nil) {
			t.Fatalf("got %v and %v", file, err)
		}
		if err != nil {
			return
		}
		again, err := Read(strings.NewReader(written(t, file)))
		if err != nil || len(again.Entries) != len(file.Entries) {
			t.Errorf("what was read is not written again: %v", err)
		}
	})
}
