package credentials

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
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
	{"deploy", "AKIDDEPLOY", "0123456789abcdefghij", ""},
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
		{"misspelt access", "[a]\nperdure_access = raed", "line 2: perdure_access: access is full, read or function; did you mean read?"},
		{"access with a comment", "[a]\nperdure_access = read # only", "line 2: perdure_access: access is full, read or function"},
		{"no access at all", "[a]\nperdure_access =", "line 2: perdure_access: access is full, read or function"},
		{"misspelt setting", "[a]\nperdure_acces = read", "line 2: there is no setting perdure_acces; did you mean perdure_access?"},
		{"with a hyphen", "[a]\nperdure-access = read", "line 2: there is no setting perdure-access; did you mean perdure_access?"},
		{"setting of ours that is none", "[a]\nperdure_functions = x", "line 2: there is no setting perdure_functions"},
		{"setting twice", "[a]\nperdure_access = read\nPerdure_Access = full", "line 3: perdure_access is set twice in section a"},
		{"behind a long line", "[a]\n# " + strings.Repeat("x", 70_000) + "\nperdure_acces = read",
			"line 3: there is no setting perdure_acces; did you mean perdure_access?"},
		{"NUL", "[a]\nperdure_access = read\x00", `line 2: "\x00" does not belong into a text: save the file as UTF-8`},
		{"UTF-16", "\xff\xfe[\x00a\x00]\x00", `line 1: "\xff" does not belong into a text: save the file as UTF-8`},
		{"another end of line", "[a]\rperdure_access = read\r", `line 1: "\r" does not belong into a text: save the file as UTF-8`},
		{"same name", "[a]\naws_access_key_id = AKID" + secret + "[a]\naws_access_key_id = AKID2" + secret,
			"there are two sections called a"},
		{"same key", "[a]\naws_access_key_id = AKID" + secret + "[b]\naws_access_key_id = AKID" + secret,
			"the access key id of section b belongs to another section, too"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Parse([]byte(test.file)); err == nil || err.Error() != test.message {
				t.Errorf("got %v, want %s", err, test.message)
			}
		})
	}
}

// What editors write is read: the mark at the beginning, the ends of lines, and
// settings in capitals, as the AWS CLI reads them.
func TestParseAsEditorsWrite(t *testing.T) {
	file := "\ufeff" + strings.ReplaceAll(strings.Replace(good, "perdure_access", "PERDURE_Access", 1), "\n", "\r\n")
	got, err := Parse([]byte(file))
	if diff := cmp.Diff(parsed, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// Wherever a file is cut off, nobody may do more than with the whole of it.
func TestCutFileGivesNoAccess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	whole := strings.Replace(good, "region = eu-west-1\n", "perdure_access = function\n", 1)
	for n := range len(whole) {
		write(t, path, whole[:n], 0o600)
		f, err := Open(path, slog.New(slog.DiscardHandler))
		if err != nil {
			continue
		}
		for id, c := range f.byKey {
			if want := map[string]Access{"AKIDDEPLOY": Function, "AKIDOPS": Read}[id]; c.Access != want {
				t.Errorf("after %d bytes: got %s for %s, want %s", n, c.Access, id, want)
			}
		}
	}
}

func TestOpenWantsAccess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	write(t, path, good, 0o600)
	_, err := Open(path, slog.New(slog.DiscardHandler))
	if err == nil || !strings.HasSuffix(err.Error(),
		"section deploy does not say what its key may do: add a line, perdure_access = full, read or function") {
		t.Errorf("got %v", err)
	}
	write(t, path, good+strings.Repeat("#", maxFile), 0o600)
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "is larger than") {
		t.Errorf("got %v for a file that would have to be cut", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("[a]\naws_access_key_id = AKID\naws_secret_access_key = 0123456789abcdefghij\nperdure_access = full\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := Parse(data)
		if (len(found) == 0) == (err == nil) {
			t.Fatalf("got %v and %v", found, err)
		}
		for _, c := range found {
			if c.Access != "" && !slices.Contains(kindsOfAccess, string(c.Access)) || len(c.Secret) < minSecret ||
				!validKey.MatchString(c.KeyID) {
				t.Errorf("got %+v", c)
			}
		}
	})
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
	for mode, allowed := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o644: false, 0o604: false,
		0o660: false, 0o601: false} {
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
	good := strings.Replace(good, "region = eu-west-1", "perdure_access = full", 1)
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
