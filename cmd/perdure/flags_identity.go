package main

import (
	"errors"
	"flag"
	"net/http"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/sdk/sign"
)

// identityFlags say who we are to an engine, and how we recognise one. The environment has the defaults, as with
// the AWS CLI.
type identityFlags struct{ identity client.Identity }

func (f *identityFlags) define(fs *flag.FlagSet) {
	f.identity = client.IdentityFromEnvironment()
	fs.StringVar(&f.identity.Credentials, "credentials", f.identity.Credentials,
		"`FILE` with the access key to sign with")
	fs.StringVar(&f.identity.Profile, "profile", f.identity.Profile,
		"`NAME` of the key in that file, if it has several")
	fs.StringVar(&f.identity.CACert, "ca-cert", f.identity.CACert,
		"`FILE` with the authority that signed the engine's certificate, PEM")
}

// key returns the key to sign with.
func (f *identityFlags) key() (sign.Credentials, error) {
	key, err := f.identity.Key()
	switch {
	case errors.Is(err, client.ErrNoProfile):
		return key, cli.Usagef("%v", err).Hintf("name one with --profile NAME")
	case err != nil:
		return key, cli.Usagef("%v", err)
	}
	return key, nil
}

// transport carries requests to an engine.
func (f *identityFlags) transport() (http.RoundTripper, error) {
	t, err := f.identity.Transport()
	if err != nil {
		return nil, cli.Usagef("%v", err)
	}
	return t, nil
}
