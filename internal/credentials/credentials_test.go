package credentials

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const good = `# who may
[deploy]
aws_access_key_id = AKIDDEPLOY
aws_secret_access_key = 0123456789abcdefghij
region = eu-west-1

 [ ops@example.org ]
aws_access_key_id=AKIDOPS
aws_secret_access_key=0123456789abcdefghi=
; only to look
perdure_access = read
`

var parsed = []Credential{
	{"deploy", "AKIDDEPLOY", "0123456789abcdefghij", Full},
	{"ops@example.org", "AKIDOPS", "0123456789abcdefghi=", Read},
}

func TestParse(t *testing.T) {
	got, err := Parse([]byte(good))
	if diff := cmp.Diff(parsed, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestParseRefusals(t *testing.T) {
	const secret = "\naws_secret_access_key = 0123456789abcdefghij\n"
	for _, test := range []struct{ name, file, message string }{
		{"empty", "", "it holds no credentials"},
		{"no section", "aws_access_key_id = AKID", "line 1: expected a section, [NAME], and below it settings, NAME = VALUE"},
		{"no setting", "[a]\nx", "line 2: expected a section, [NAME], and below it settings, NAME = VALUE"},
		{"odd name", "[a b]", "line 1: a section is [NAME], with a name of letters, digits and -_.@"},
		{"open section", "[a", "line 1: a section is [NAME], with a name of letters, digits and -_.@"},
		{"no secret", "[a]\naws_access_key_id = AKID", "section a lacks aws_access_key_id or aws_secret_access_key"},
		{"no key", "[a]" + secret + "[b]", "line 3: section a lacks aws_access_key_id or aws_secret_access_key"},
		{"odd key", "[a]\naws_access_key_id = a/b", "line 2: an access key id has 4 to 128 letters, digits and _"},
		{"short secret", "[a]\naws_secret_access_key = password", "line 2: a secret has at least 20 characters; generate it"},
		{"odd access", "[a]\nperdure_access = some", "line 2: perdure_access: access is full, read or function"},
		{"same name", "[a]\naws_access_key_id = AKID" + secret + "[a]\naws_access_key_id = AKID2" + secret, "there are two sections called a"},
		{"same key", "[a]\naws_access_key_id = AKID" + secret + "[b]\naws_access_key_id = AKID" + secret, "the access key id of section b belongs to another section, too"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Parse([]byte(test.file)); err == nil || err.Error() != test.message {
				t.Errorf("got %v, want %s", err, test.message)
			}
		})
	}
}

func write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestLoadChecksWhoMayRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	for mode, allowed := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o644: false, 0o604: false, 0o660: false, 0o601: false} {
		write(t, path, good, mode)
		if _, err := Load(path); (err == nil) != allowed || err != nil && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %#o: got %v, want it allowed: %v", mode, err, allowed)
		}
	}
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("got %v for a directory", err)
	}
}

// TestFileIsFollowed: changes count without a restart, unless they are mistakes.
func TestFileIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	write(t, path, good, 0o600)
	var logged bytes.Buffer
	f, err := Open(path, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	change := func(text string) {
		write(t, path, text, 0o600)
		f.looked = time.Time{} // a second has passed
	}
	want := func(keyID string, known bool) {
		t.Helper()
		if _, ok := f.Find(keyID); ok != known {
			t.Errorf("%s: got known %v, want %v", keyID, ok, known)
		}
	}
	want("AKIDOPS", true)
	want("AKIDNEW", false)
	change(strings.Replace(good, "AKIDOPS", "AKIDNEW2", 1))
	want("AKIDNEW2", true)
	want("AKIDOPS", false)
	change("[broken")
	want("AKIDNEW2", true)
	f.looked = time.Time{}
	want("AKIDNEW2", true)
	if n := strings.Count(logged.String(), "the ones before stay in force"); n != 1 {
		t.Errorf("got %d lines in the log, want 1: %s", n, &logged)
	}
}

func TestAdd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	first, err := Add(path, "deploy", Full)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Add(path, "ops", Read)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if diff := cmp.Diff([]Credential{*first, *second}, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if _, err := Add(path, "ops", Full); err == nil || !strings.HasSuffix(err.Error(), "has a section called ops already") {
		t.Errorf("got %v for a name that is taken", err)
	}
	if _, err := Add(path, "a]b", Full); err == nil {
		t.Error("got no error for an odd name")
	}
}
