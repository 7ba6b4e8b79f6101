package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"flag"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/cli"
)

// identityFlags say who we are to an engine, and how we know that it is one.
// Without them it is what the environment says, as with the AWS CLI.
type identityFlags struct {
	credentials, profile, caCert string
}

func (f *identityFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.credentials, "credentials", os.Getenv("PERDURE_CREDENTIALS"), "`FILE` with the access key to sign with")
	fs.StringVar(&f.profile, "profile", os.Getenv("PERDURE_PROFILE"), "`NAME` of the key in that file, if it has several")
	fs.StringVar(&f.caCert, "ca-cert", os.Getenv("PERDURE_CA_CERT"), "`FILE` with the authority that signed the engine's certificate, PEM")
}

// region is what we sign for; an engine has one region and takes any.
const region = "us-east-1"

// key returns what to sign with. An engine on loopback takes anything.
func (f *identityFlags) key() (aws.Credentials, error) {
	if f.credentials == "" {
		return aws.Credentials{
			AccessKeyID:     cmp.Or(os.Getenv("AWS_ACCESS_KEY_ID"), "perdure"),
			SecretAccessKey: cmp.Or(os.Getenv("AWS_SECRET_ACCESS_KEY"), "perdure"),
			SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
		}, nil
	}
	found, err := credentials.Load(f.credentials)
	if err != nil {
		return aws.Credentials{}, cli.Usagef("the credentials cannot be used: %v", err)
	}
	if f.profile == "" && len(found) == 1 {
		f.profile = found[0].Name
	}
	for _, c := range found {
		if c.Name == cmp.Or(f.profile, "default") {
			return aws.Credentials{AccessKeyID: c.KeyID, SecretAccessKey: c.Secret}, nil
		}
	}
	return aws.Credentials{}, cli.Usagef("%s has no section called %s", f.credentials, cmp.Or(f.profile, "default")).
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

// signer signs the requests of clients that do not sign themselves.
type signer struct {
	client interface {
		Do(*http.Request) (*http.Response, error)
	}
	key aws.Credentials
}

// Do sends req with a signature. A body that comes as it goes, rather than all
// at once, is not covered by it.
func (s *signer) Do(req *http.Request) (*http.Response, error) {
	hash := "UNSIGNED-PAYLOAD"
	switch {
	case req.Body == nil:
		hash = hashOf(nil)
	case req.GetBody != nil:
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		var text bytes.Buffer
		if _, err := io.Copy(&text, body); err != nil {
			return nil, err
		}
		hash = hashOf(text.Bytes())
	default:
		req.Header.Set("X-Amz-Content-Sha256", hash)
	}
	if err := v4.NewSigner().SignHTTP(context.WithoutCancel(req.Context()), s.key, req, hash, "lambda", region, time.Now()); err != nil {
		return nil, err
	}
	return s.client.Do(req)
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
