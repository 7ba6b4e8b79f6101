package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"net"
	"net/url"
	"os"
	"os/user"
	"strings"

	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/protocol"
)

const defaultEndpoint = "http://" + route.DefaultAddress

// remoteFlags are the flags of the verbs that talk to a serving engine.
type remoteFlags struct {
	identityFlags
	endpoint string
	json     bool
}

func (f *remoteFlags) define(fs *flag.FlagSet) {
	f.identityFlags.define(fs)
	fs.StringVar(&f.endpoint, "endpoint", cmp.Or(os.Getenv("PERDURE_ENDPOINT"), defaultEndpoint), "`URL` of the engine")
	fs.BoolVar(&f.json, "json", false, "print JSON, as the API sent it")
}

// remote is a serving engine.
type remote struct{ *client.Client }

func (f *remoteFlags) dial() (*remote, error) {
	u, err := url.Parse(f.endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, cli.Usagef("%q is not an endpoint", f.endpoint).Hintf("an endpoint looks like %s", defaultEndpoint)
	}
	key, err := f.key()
	if err != nil {
		return nil, err
	}
	transport, err := f.transport()
	if err != nil {
		return nil, err
	}
	return &remote{&client.Client{
		Endpoint: strings.TrimSuffix(f.endpoint, "/"), Key: key, Transport: transport, Caller: caller(),
	}}, nil
}

// caller says who calls: the program, its user and the machine.
func caller() string {
	who := "perdure"
	if u, err := user.Current(); err == nil {
		who += " " + u.Username
		if host, err := os.Hostname(); err == nil {
			who += "@" + host
		}
	}
	return who
}

// fault words an error of a call.
func (r *remote) fault(ctx context.Context, err error) error {
	refusal, refused := errors.AsType[*protocol.Error](err)
	switch {
	case err == nil:
		return nil
	case interrupted(ctx):
		return context.Cause(ctx)
	case isOffline(err):
		return cli.Faultf("no engine at %s", r.Endpoint).
			Hintf("start one with: %s", cli.CommandLine("serve")).
			Hintf("or name another with --endpoint URL")
	case refused && isStranger(refusal.Code):
		return cli.Faultf("the engine at %s does not let us in: %s", r.Endpoint, refusal.Message).
			Hintf("give your access key with --credentials FILE, or in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	case refused && refusal.Code == protocol.CodeService:
		return cli.Faultf("the engine at %s failed: %s", r.Endpoint, refusal.Message)
	case refused:
		return cli.Faultf("the engine refused: %s", refusal.Message)
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return cli.Faultf("the certificate of the engine at %s is not trusted: %v", r.Endpoint, innermost(bad)).
			Hintf("give the authority that signed it with --ca-cert FILE")
	}
	return cli.Faultf("talking to the engine at %s: %v", r.Endpoint, innermost(err))
}

// isStranger reports whether a refusal says that we are not known.
func isStranger(code protocol.Code) bool {
	return code == protocol.CodeMissingToken || code == protocol.CodeUnrecognizedClient ||
		code == protocol.CodeInvalidSignature || code == protocol.CodeIncompleteSignature
}

// isOffline reports whether err says that nobody listens.
func isOffline(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// innermost strips the layers of context, such as the method and the URL.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
