package client

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/sdk/sign"
)

// Identity says who we are to an engine, and how we recognise one.
type Identity struct {
	Credentials string // file with the access key to sign with; empty is AWS's environment
	Profile     string // name of the key in that file, if it has several
	CACert      string // file with the authority that signed the engine's certificate, PEM
}

// IdentityFromEnvironment is the identity that PERDURE_CREDENTIALS, PERDURE_PROFILE and PERDURE_CA_CERT name.
func IdentityFromEnvironment() Identity {
	return Identity{Credentials: os.Getenv("PERDURE_CREDENTIALS"), Profile: os.Getenv("PERDURE_PROFILE"),
		CACert: os.Getenv("PERDURE_CA_CERT")}
}

// ErrNoProfile says that a file of credentials has no key of that name.
var ErrNoProfile = errors.New("no such profile")

// Key returns the key to sign with. An engine on loopback takes anything.
func (i *Identity) Key() (sign.Credentials, error) {
	if i.Credentials == "" {
		key := environmentKey()
		key.KeyID, key.Secret = cmp.Or(key.KeyID, "perdure"), cmp.Or(key.Secret, "perdure")
		return key, nil
	}
	found, err := credentials.Load(i.Credentials)
	if err != nil {
		return sign.Credentials{}, fmt.Errorf("the credentials cannot be used: %w", err)
	}
	name := cmp.Or(i.Profile, "default")
	if i.Profile == "" && len(found) == 1 {
		name = found[0].Name
	}
	for _, c := range found {
		if c.Name == name {
			return sign.Credentials{KeyID: c.KeyID, Secret: c.Secret}, nil
		}
	}
	return sign.Credentials{}, &profileError{i.Credentials, name}
}

type profileError struct{ file, profile string }

func (e *profileError) Error() string { return e.file + " has no section called " + e.profile }

// Is makes it an [ErrNoProfile].
func (e *profileError) Is(target error) bool { return target == ErrNoProfile }

func environmentKey() sign.Credentials {
	return sign.Credentials{KeyID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		Session: os.Getenv("AWS_SESSION_TOKEN")}
}

// Transport carries requests to an engine.
func (i *Identity) Transport() (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if i.CACert == "" {
		return t, nil
	}
	text, err := os.ReadFile(i.CACert)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", i.CACert)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool}
	return t, nil
}

// AWS is a client of the Lambda API that AWS's environment and files name, as AWS's tools read them: a region, keys or
// a profile with keys, and perhaps an endpoint. An empty profile is that of the environment. What is missing is an
// [*IncompleteError].
func AWS(profile string) (*Client, error) {
	profile = cmp.Or(profile, os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), "default")
	settings, err := profileSettings(profile)
	if err != nil {
		return nil, err
	}
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), settings["region"])
	if region == "" {
		return nil, &IncompleteError{"no AWS region is set",
			"set AWS_REGION, or region in profile " + profile + " of ~/.aws/config"}
	}
	key := environmentKey()
	if key.KeyID == "" {
		key = sign.Credentials{KeyID: settings["aws_access_key_id"], Secret: settings["aws_secret_access_key"],
			Session: settings["aws_session_token"]}
	}
	if key.KeyID == "" || key.Secret == "" {
		return nil, &IncompleteError{"profile " + profile + " has no access key for AWS",
			"of other profiles, such as those of SSO, the AWS CLI makes one: " +
				`eval "$(aws configure export-credentials --profile ` + profile + ` --format env)"`}
	}
	endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_LAMBDA"), os.Getenv("AWS_ENDPOINT_URL"),
		"https://lambda."+region+"."+sign.Domain(region))
	return &Client{Endpoint: strings.TrimRight(endpoint, "/"), Region: region, Key: key}, nil
}

// IncompleteError says what of AWS's environment is missing, and what to do.
type IncompleteError struct{ Message, Hint string }

func (e *IncompleteError) Error() string { return e.Message + "; " + e.Hint }

// profileSettings are those of a profile in AWS's two files. A file that is missing has none.
func profileSettings(profile string) (map[string]string, error) {
	home, _ := os.UserHomeDir() // without one, the files are missing
	settings := map[string]string{}
	for _, f := range []struct{ variable, name, section string }{
		{"AWS_CONFIG_FILE", "config", "profile " + profile},
		{"AWS_SHARED_CREDENTIALS_FILE", "credentials", profile},
	} {
		path := cmp.Or(os.Getenv(f.variable), filepath.Join(home, ".aws", f.name))
		data, err := os.ReadFile(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		if profile == "default" {
			readSection(data, "default", settings)
		}
		readSection(data, f.section, settings)
	}
	return settings, nil
}

// readSection reads the settings of a section of an INI file as AWS's tools write it. What it does not know it skips.
func readSection(data []byte, section string, into map[string]string) {
	within := false
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if name, is := strings.CutPrefix(line, "["); is {
			name, _, _ = strings.Cut(name, "]")
			within = strings.Join(strings.Fields(name), " ") == section
			continue
		}
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if name, value, is := strings.Cut(line, "="); is && within {
			into[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
}
