package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"net/http"
	"os"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/sdk/sign"
)

// identityFlags say who we are to an engine, and how we recognise one. The environment has the defaults, as with
// the AWS CLI.
type identityFlags struct {
	credentials, profile, caCert string
}

func (f *identityFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.credentials, "credentials", os.Getenv("PERDURE_CREDENTIALS"),
		"`FILE` with the access key to sign with")
	fs.StringVar(&f.profile, "profile", os.Getenv("PERDURE_PROFILE"),
		"`NAME` of the key in that file, if it has several")
	fs.StringVar(&f.caCert, "ca-cert", os.Getenv("PERDURE_CA_CERT"),
		"`FILE` with the authority that signed the engine's certificate, PEM")
}

// key returns the key to sign with. An engine on loopback takes anything.
func (f *identityFlags) key() (sign.Credentials, error) {
	if f.credentials == "" {
		return sign.Credentials{
			KeyID:   cmp.Or(os.Getenv("AWS_ACCESS_KEY_ID"), "perdure"),
			Secret:  cmp.Or(os.Getenv("AWS_SECRET_ACCESS_KEY"), "perdure"),
			Session: os.Getenv("AWS_SESSION_TOKEN"),
		}, nil
	}
	found, err := credentials.Load(f.credentials)
	if err != nil {
		return sign.Credentials{}, cli.Usagef("the credentials cannot be used: %v", err)
	}
	if f.profile == "" && len(found) == 1 {
		f.profile = found[0].Name
	}
	for _, c := range found {
		if c.Name == cmp.Or(f.profile, "default") {
			return sign.Credentials{KeyID: c.KeyID, Secret: c.Secret}, nil
		}
	}
	return sign.Credentials{}, cli.Usagef("%s has no section called %s", f.credentials, cmp.Or(f.profile, "default")).
		Hintf("name one with --profile NAME")
}

// transport carries requests to an engine.
func (f *identityFlags) transport() (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if f.caCert == "" {
		return t, nil
	}
	text, err := os.ReadFile(f.caCert)
	if err != nil {
		return nil, cli.Usagef("%v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, cli.Usagef("%s holds no certificate", f.caCert)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool}
	return t, nil
}
