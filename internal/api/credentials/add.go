package credentials

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Add adds a new credential to the file at path, making the file if need be, and returns it.
func Add(path, name string, access Access) (*Credential, error) {
	if !validName.MatchString(name) {
		return nil, errors.New("a name has 1 to 64 letters, digits and -_.@")
	}
	existing, err := Load(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, c := range existing {
		if c.Name == name {
			return nil, fmt.Errorf("%s has a section called %s already", path, name)
		}
	}
	// Both are base32: 65 bits tell keys apart, 130 bits cannot be guessed.
	c := &Credential{Name: name, KeyID: "PERDURE" + rand.Text()[:13], Secret: rand.Text() + rand.Text(), Access: access}
	how := os.O_APPEND | os.O_WRONLY
	if existing == nil {
		how |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(path, how, 0o600)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n%s = %s\n", name, c.KeyID, c.Secret, settingAccess, access)
	if len(existing) > 0 {
		text = "\n" + text
	}
	_, err = f.WriteString(text)
	return c, errors.Join(err, f.Sync(), f.Close())
}
