package credentials

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Credential is one who may use an engine.
type Credential struct {
	Name   string // of the section
	KeyID  string
	Secret string
	Access Access
}

// Access is what a credential is good for.
type Access string

// The kinds of access.
const (
	Full     Access = "full"     // everything; the default
	Read     Access = "read"     // whatever changes nothing
	Function Access = "function" // what functions do, and the workers that run them elsewhere
)

// Set implements [flag.Value].
func (a *Access) Set(s string) error {
	switch Access(s) {
	case Full, Read, Function:
		*a = Access(s)
		return nil
	}
	return fmt.Errorf("access is %s, %s or %s", Full, Read, Function)
}

// String implements [flag.Value].
func (a *Access) String() string { return string(*a) }

// minSecret is the least length of a secret. Whoever sees one signed request
// can try secrets as fast as their machine goes, so it must not be a word.
const minSecret = 20

var (
	validName = regexp.MustCompile(`^[a-zA-Z0-9_.@-]{1,64}$`)
	validKey  = regexp.MustCompile(`^[a-zA-Z0-9_]{4,128}$`)
)

// Parse reads a credentials file. Settings that it does not know, such as
// regions, are those of other programs.
func Parse(data []byte) ([]Credential, error) {
	p := parser{ids: map[string]bool{}, names: map[string]bool{}}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		p.line++
		if err := p.read(strings.TrimSpace(lines.Text())); err != nil {
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
	current    *Credential // the section being read
	found      []Credential
	ids, names map[string]bool
}

func (p *parser) read(line string) error {
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
		p.current = &Credential{Name: name, Access: Full}
		return nil
	}
	name, value, ok := strings.Cut(line, "=")
	if !ok || p.current == nil {
		return errors.New("expected a section, [NAME], and below it settings, NAME = VALUE")
	}
	return p.set(strings.TrimSpace(name), strings.TrimSpace(value))
}

func (p *parser) set(name, value string) error {
	switch name {
	case "aws_access_key_id":
		p.current.KeyID = value
		if !validKey.MatchString(value) {
			return errors.New("an access key id has 4 to 128 letters, digits and _")
		}
	case "aws_secret_access_key":
		p.current.Secret = value
		if len(value) < minSecret {
			return fmt.Errorf("a secret has at least %d characters; generate it", minSecret)
		}
	case "perdure_access":
		if err := p.current.Access.Set(value); err != nil {
			return fmt.Errorf("perdure_access: %w", err)
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
		return fmt.Errorf("section %s lacks aws_access_key_id or aws_secret_access_key", c.Name)
	case p.names[c.Name]:
		return fmt.Errorf("there are two sections called %s", c.Name)
	case p.ids[c.KeyID]:
		return fmt.Errorf("the access key id of section %s belongs to another section, too", c.Name)
	}
	p.ids[c.KeyID], p.names[c.Name] = true, true
	p.found, p.current = append(p.found, *c), nil
	return nil
}
