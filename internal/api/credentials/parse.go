package credentials

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/perdure/perdure/internal/text"
)

// Credential is a key that may use an engine.
type Credential struct {
	Name   string // of the section
	KeyID  string
	Secret string
	Access Access // empty if the section does not say
}

// Access is what a credential allows.
type Access string

// The kinds of access. There is no default: the file must say.
const (
	Full     Access = "full"     // everything
	Read     Access = "read"     // all requests that change nothing
	Function Access = "function" // requests of functions, and of workers that run them elsewhere
)

var kindsOfAccess = []string{string(Full), string(Read), string(Function)}

// Set implements [flag.Value].
func (a *Access) Set(s string) error {
	if !slices.Contains(kindsOfAccess, s) {
		return fmt.Errorf("access is %s, %s or %s%s", Full, Read, Function, meant(s, kindsOfAccess))
	}
	*a = Access(s)
	return nil
}

// String implements [flag.Value].
func (a *Access) String() string { return string(*a) }

// meant asks whether a word was meant for a known one.
func meant(word string, words []string) string {
	if near := text.Nearest(word, words); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}

// minSecret is the least length of a secret. Anybody who sees one signed request can try secrets as fast as their
// machine goes, so it must not be a word.
const minSecret = 20

var (
	validName = regexp.MustCompile(`^[a-zA-Z0-9_.@-]{1,64}$`)
	validKey  = regexp.MustCompile(`^[a-zA-Z0-9_]{4,128}$`)
)

// The settings that are read here.
const (
	settingKeyID  = "aws_access_key_id"
	settingSecret = "aws_secret_access_key"
	settingAccess = "perdure_access"
)

// ours begins the names of our settings.
const ours = "perdure"

// Parse reads a credentials file. Unknown settings, such as regions, are other programs', unless they begin as ours
// do. An ambiguous line is an error, which names the line.
func Parse(data []byte) ([]Credential, error) {
	p := parser{ids: map[string]bool{}, names: map[string]bool{}}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // as editors on Windows write it
	for line := range strings.SplitSeq(string(data), "\n") {
		p.line++
		if err := p.read(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	if len(p.found) == 0 {
		return nil, errors.New("it holds no credentials")
	}
	return p.found, nil
}

type parser struct {
	line       int
	current    *Credential     // the section being read
	given      map[string]bool // its settings so far
	found      []Credential
	ids, names map[string]bool
}

func (p *parser) read(line string) error {
	if at := strings.IndexFunc(line, unprintable); at >= 0 {
		return fmt.Errorf("%q does not belong into a text: save the file as UTF-8", line[at:min(at+1, len(line))])
	}
	if line == "" || line[0] == '#' || line[0] == ';' {
		return nil
	}
	if name, ok := strings.CutPrefix(line, "["); ok {
		name, ok = strings.CutSuffix(name, "]")
		if name = strings.TrimSpace(name); !ok || !validName.MatchString(name) {
			return fmt.Errorf("a section is [NAME], with a name of letters, digits and -_.@")
		}
		if err := p.end(); err != nil {
			return err
		}
		p.current, p.given = &Credential{Name: name}, map[string]bool{}
		return nil
	}
	name, value, ok := strings.Cut(line, "=")
	if !ok || p.current == nil {
		return errors.New("expected a section, [NAME], and below it settings, NAME = VALUE")
	}
	return p.set(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value))
}

// unprintable reports characters that no editor writes into a line of text.
func unprintable(r rune) bool { return r == utf8.RuneError || r != '\t' && unicode.IsControl(r) }

func (p *parser) set(name, value string) error {
	if p.given[name] {
		return fmt.Errorf("%s is set twice in section %s", name, p.current.Name)
	}
	p.given[name] = true
	switch name {
	case settingKeyID:
		p.current.KeyID = value
		if !validKey.MatchString(value) {
			return errors.New("an access key id has 4 to 128 letters, digits and _")
		}
	case settingSecret:
		p.current.Secret = value
		if len(value) < minSecret {
			return fmt.Errorf("a secret has at least %d characters; generate it", minSecret)
		}
	case settingAccess:
		if err := p.current.Access.Set(value); err != nil {
			return fmt.Errorf("%s: %w", settingAccess, err)
		}
	default:
		if strings.HasPrefix(name, ours) {
			return fmt.Errorf("there is no setting %s%s", name, meant(name, []string{settingAccess}))
		}
	}
	return nil
}

// end finishes the section being read.
func (p *parser) end() error {
	c := p.current
	switch {
	case c == nil:
		return nil
	case c.KeyID == "" || c.Secret == "":
		return fmt.Errorf("section %s lacks %s or %s", c.Name, settingKeyID, settingSecret)
	case p.names[c.Name]:
		return fmt.Errorf("there are two sections called %s", c.Name)
	case p.ids[c.KeyID]:
		return fmt.Errorf("the access key id of section %s belongs to another section, too", c.Name)
	}
	p.ids[c.KeyID], p.names[c.Name] = true, true
	p.found, p.current = append(p.found, *c), nil
	return nil
}
