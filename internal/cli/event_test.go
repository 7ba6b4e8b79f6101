package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/protocol"
)

func TestCheckEvent(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"object", `{"a":1}`, ""},
		{"scalar with space", " 1 \n", ""},
		{"empty", " \n", "e is empty"},
		{"first column", `}`, "e is not JSON: line 1, column 1: invalid character '}' looking for beginning of value"},
		{"third line", "{\n  \"ü\": 1,\n  \"ü\" 2}", "e is not JSON: line 3, column 7: invalid character '2' after object key"},
		{"cut off", "{\"a\":\n", "e is not JSON: line 1, column 6: unexpected end of JSON input"},
		{"trailing comma", "[1,]", "e is not JSON: line 1, column 4: invalid character ']' looking for beginning of value"},
		{"two values", "{} {}", "e is not JSON: line 1, column 4: invalid character '{' after top-level value"},
		{"not UTF-8", "{\"a\":\n \"Z\xfcrich\"}", "e is not JSON: line 2, column 4: a byte that is not UTF-8"},
		{"another script", `{"a":é}`, "e is not JSON: line 1, column 6: invalid character 'é' looking for beginning of value"},
		{"too large", `"` + strings.Repeat("a", protocol.MaxSyncPayload) + `"`,
			"e is larger than 6291456 bytes, the most that a function can be sent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := CheckEvent("e", []byte(test.in))
			if test.want == "" {
				if err != nil || string(got) != test.in {
					t.Fatalf("got %q, %v, want the event as it is", got, err)
				}
				return
			}
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestReadEvent(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "event.json")
	if err := os.WriteFile(file, []byte("\xef\xbb\xbf{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadEvent(file, nil); err != nil || string(got) != "{}\n" {
		t.Errorf("a file with a byte order mark: got %q, %v", got, err)
	}
	if got, err := ReadEvent("-", strings.NewReader("[1]")); err != nil || string(got) != "[1]" {
		t.Errorf("stdin: got %q, %v", got, err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "nosuch.json"): "does not exist",
		dir:                               "is a directory",
	} {
		if _, err := ReadEvent(path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", path, err, want)
		}
	}
}

func FuzzCheckEvent(f *testing.F) {
	f.Add([]byte("{\n\"a\": [1, }"))
	f.Add([]byte("\xef\xbb\xbf"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := CheckEvent("e", data); err != nil && err.Error() == "" {
			t.Error("a problem without words")
		}
	})
}
