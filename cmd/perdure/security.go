package main

import (
	"flag"
	"fmt"
	"log/slog"
	"net"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/cli"
)

// securityFlags are the settings with which an engine serves more than its own
// machine. Without any of them it serves loopback, and everybody there.
type securityFlags struct {
	credentials       string
	certFile, keyFile string
	hosts             []string
}

func (f *securityFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.credentials, "credentials", "", "`FILE` of those who may use the engine; see perdure help credentials")
	fs.StringVar(&f.certFile, "tls-cert", "", "`FILE` with the certificate to speak TLS with, PEM")
	fs.StringVar(&f.keyFile, "tls-key", "", "`FILE` with the certificate's key, PEM")
	fs.Func("allow-host", "`NAME` of this machine beside localhost, as containers have one; may be repeated", func(name string) error {
		f.hosts = append(f.hosts, name)
		return nil
	})
}

// check returns a problem unless an address may be served with these settings.
func (f *securityFlags) check(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return cli.Usagef("%q is not an address to listen on", listen).Hintf("an address looks like 127.0.0.1:3001")
	}
	if (f.certFile == "") != (f.keyFile == "") {
		return cli.Usagef("--tls-cert and --tls-key belong together")
	}
	ip := net.ParseIP(host)
	if host == "localhost" || ip != nil && ip.IsLoopback() || f.credentials != "" && f.certFile != "" {
		return nil
	}
	return cli.Usagef("%s is not a loopback address: others can reach it, so it needs credentials and TLS", listen).
		Hintf("make credentials with: %s", commandLine("credentials", "FILE", "--name", "NAME")).
		Hintf("then serve with --credentials FILE --tls-cert FILE --tls-key FILE").
		Hintf("or serve this machine only: 127.0.0.1")
}

// options are what the server needs to know.
func (f *securityFlags) options(log *slog.Logger) (*server.Options, error) {
	opts := &server.Options{Logger: log, Hosts: f.hosts}
	if f.credentials != "" {
		file, err := credentials.Open(f.credentials, log)
		if err != nil {
			return nil, cli.Usagef("the credentials cannot be used: %v", err)
		}
		opts.Credentials = file
	}
	if f.certFile != "" {
		cert, err := server.LoadCertificate(f.certFile, f.keyFile, log)
		if err != nil {
			return nil, cli.Usagef("%v", err)
		}
		opts.Certificate = cert
	}
	return opts, nil
}

// url is how clients on this machine reach an address that is served.
func (f *securityFlags) url(a net.Addr) string {
	scheme, address := "http", a.String()
	if f.certFile != "" {
		scheme = "https"
	}
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		address = fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return scheme + "://" + address
}

// needsDoors reports whether functions cannot come in as everybody does: they
// have no credentials of ours, and need not know our certificate.
func (f *securityFlags) needsDoors() bool { return f.credentials != "" || f.certFile != "" }
