package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/sdk/sign"
)

// newLocked is an engine that boss may use, and at which eyes may look.
func newLocked(t *testing.T) *site {
	t.Helper()
	perdure, _ := build(t)
	keys := filepath.Join(t.TempDir(), "keys")
	for name, access := range map[string]string{"boss": "full", "eyes": "read"} {
		out, err := exec.CommandContext(t.Context(), perdure, "credentials", keys, "--name", name, "--access", access).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	s := newSite(t, nil, "--credentials", keys)
	s.keys = keys
	s.Client.Key = s.key("boss")
	return s
}

// key is that of somebody in the file of credentials.
func (s *site) key(name string) (key sign.Credentials) {
	s.t.Helper()
	file, err := os.Open(s.keys)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	section := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
		}
		word, value, _ := strings.Cut(line, "=")
		if section != name {
			continue
		}
		switch strings.TrimSpace(word) {
		case "aws_access_key_id":
			key.KeyID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			key.Secret = strings.TrimSpace(value)
		}
	}
	return key
}

// logIn fills the form that the page shows.
func (s *site) logIn(b *tab, name string) {
	s.t.Helper()
	key := s.key(name)
	b.fill("input", "Access key ID", key.KeyID)
	b.fill("input", "Secret access key", key.Secret)
	b.click("button", "Log in")
	b.until("somebody is logged in", `document.querySelector(".user")`)
}
