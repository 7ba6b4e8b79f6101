package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/internal/observe/otlp"
	"github.com/perdure/perdure/telemetry"
)

// engineFlags are the flags of the verbs that run an engine.
type engineFlags struct {
	host.Options
	durability durability
	security   securityFlags  // of verbs that define them
	telemetry  telemetryFlags // of verbs that define them
}

func (f *engineFlags) define(fs *flag.FlagSet, listen string) {
	fs.StringVar(&f.Data, "data", host.DefaultData, "`DIR` that holds the engine's data")
	fs.StringVar(&f.Listen, "listen", listen, "`ADDRESS` of the Lambda API; port 0 takes a free one")
	fs.TextVar(&f.durability, "durability", &f.durability,
		"what acknowledged work survives the loss of: `power`, process or none")
	fs.Func("payload-decoder", "`URL` to which the page posts payloads, to show the answer; https, or on this machine",
		func(address string) (err error) {
			f.Decoder, err = page.NewDecoder(address)
			return err
		})
	fs.BoolVar(&f.Strict, "strict", false, "refuse and limit what AWS does, where it does not bind here")
}

// check returns a problem if the address may not be served, or a flag is a mistake.
func (f *engineFlags) check() error {
	f.Durability = f.durability.Durability
	return cmp.Or(checkDirectory(f.Data), f.security.check(f.Listen), f.telemetry.check())
}

// durability is that of a directory, and knows whether it was given.
type durability struct {
	host.Durability
	given bool
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *durability) UnmarshalText(text []byte) error {
	d.given = true
	return d.Durability.UnmarshalText(text)
}

// open opens an engine; of its options only those for functions are set. Troubles go to log.
func (f *engineFlags) open(ctx context.Context, std *stdio, log *slog.Logger) (_ *host.Host, err error) {
	f.Telemetry, f.Version, f.Log, f.Building = f.telemetry.options(), version(), log, building(std)
	if f.Server, err = f.security.options(log); err != nil {
		return nil, err
	}
	if f.Traces, err = otlp.FromEnvironment(os.Getenv, f.Version); err != nil {
		return nil, cli.Usagef("traces cannot be exported: %v", err)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryAimedAt)
	}
	return host.Open(ctx, &f.Options)
}

// memoryAimedAt is how much memory Go's collector may leave to garbage, and what is in use, together: an engine with
// SQLite, which has its own, then takes less than 200 MB. It is no bound: what is in use may be more, and then costs a
// tenth more processor time.
const memoryAimedAt = 128 << 20

// building tells the progress of builds.
func building(std *stdio) func(function, line string) {
	return func(function, line string) {
		if function != "" {
			line = "perdure: " + function + ": " + line
		}
		fmt.Fprintln(std.err, cli.Printable(line))
	}
}

// securityFlags let an engine serve more than its own machine. Without any of them it serves loopback, and
// everybody there.
type securityFlags struct {
	credentials       string
	certFile, keyFile string
	server.Options
}

func (f *securityFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.credentials, "credentials", "",
		"`FILE` of those who may use the engine; see perdure help credentials")
	fs.StringVar(&f.certFile, "tls-cert", "", "`FILE` with the certificate to speak TLS with, PEM")
	fs.StringVar(&f.keyFile, "tls-key", "", "`FILE` with the certificate's key, PEM")
	fs.Func("allow-host", "`NAME` of this machine beside localhost, as containers have one; may be repeated",
		func(name string) error {
			f.Hosts = append(f.Hosts, name)
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
		Hintf("make credentials with: %s", cli.CommandLine("credentials", "FILE", "--name", "NAME")).
		Hintf("then serve with --credentials FILE --tls-cert FILE --tls-key FILE").
		Hintf("or serve this machine only: 127.0.0.1")
}

// options are those of the server.
func (f *securityFlags) options(log *slog.Logger) (server.Options, error) {
	opts := f.Options
	if f.credentials != "" {
		file, err := credentials.Open(f.credentials, log)
		if err != nil {
			return opts, cli.Usagef("the credentials cannot be used: %v", err)
		}
		opts.Credentials = file
	}
	if f.certFile != "" {
		cert, err := server.LoadCertificate(f.certFile, f.keyFile, log)
		if err != nil {
			return opts, cli.Usagef("%v", err)
		}
		opts.Certificate = cert
	}
	return opts, nil
}

// telemetryFlags say which records of executions an engine makes, and for whom.
type telemetryFlags struct {
	to   string // empty: no records
	sink telemetry.Sink
	telemetry.Config
	set bool // one of the others was given
}

// telemetryHeaders is the variable with the headers of requests that deliver records: secrets do not belong into a
// command line.
const telemetryHeaders = "PERDURE_TELEMETRY_HEADERS"

func (f *telemetryFlags) define(fs *flag.FlagSet) {
	f.Emit, f.Detail, f.Format, f.Sampling, f.Limit = telemetry.OnComplete, telemetry.TopLevel, telemetry.Array, 1,
		telemetry.DefaultLimit
	fs.StringVar(&f.to, "telemetry", "", "`FILE`, URL, or - for the standard output, that gets a record of each "+
		"execution that ends")
	given := func(name, usage string, set func(string) error) {
		fs.Func(name, usage, func(s string) error { f.set = true; return set(s) })
	}
	text := func(to interface{ UnmarshalText([]byte) error }) func(string) error {
		return func(s string) error { return to.UnmarshalText([]byte(s)) }
	}
	given("telemetry-emit", "`WHEN` there are records: on-complete, on-failure or on-change (on-complete)",
		text(&f.Emit))
	given("telemetry-detail", "`WHICH` operations are in records: top-level or full-tree (top-level)", text(&f.Detail))
	given("telemetry-format", "`HOW` operations are in records: array, by-name or both (array)", text(&f.Format))
	given("telemetry-sampling", "`PART` of all executions that there are records of, above 0 and at most 1 (1)",
		above0(&f.Sampling))
	given("telemetry-limit", "greatest size of a record in `BYTES` (256000)", above0(&f.Limit))
	given("telemetry-omit", "`WHAT` is in no record: input, output or errors (of operations); may be repeated", f.omit)
	given("telemetry-exclude", "`NAME` of operations that are in no record; may be repeated", func(s string) error {
		f.Exclude = append(f.Exclude, s)
		return nil
	})
	given("telemetry-result", "`NAME` of operations whose results are in records; may be repeated",
		func(s string) error {
			if f.Results == nil {
				f.Results = map[string]telemetry.Transform{}
			}
			f.Results[s] = telemetry.AsIs
			return nil
		})
}

// above0 reads a number above 0.
func above0[T int | float64](to *T) func(string) error {
	return func(s string) error {
		if err := json.Unmarshal([]byte(s), to); err != nil || !(*to > 0) {
			return fmt.Errorf("a number above 0 is wanted")
		}
		return nil
	}
}

func (f *telemetryFlags) omit(what string) error {
	switch what {
	case "input":
		f.Input = telemetry.Omit
	case "output":
		f.Output = telemetry.Omit
	case "errors":
		f.OmitErrors = true
	default:
		return fmt.Errorf("%q is none of input, output, errors", what)
	}
	return nil
}

// check finds out who gets the records.
func (f *telemetryFlags) check() error {
	switch {
	case f.to == "" && f.set:
		return cli.Usagef("the flags --telemetry-… say what is in records, but nobody gets any").
			Hintf("say who, such as --telemetry records.jsonl")
	case f.to == "":
		return nil
	}
	if err := f.Check(); err != nil {
		return cli.Usagef("--telemetry: %v", err)
	}
	switch {
	case f.to == "-":
		f.sink = telemetry.Lines(os.Stdout)
	case strings.HasPrefix(f.to, "http://"), strings.HasPrefix(f.to, "https://"):
		return f.checkURL()
	default:
		f.sink = telemetry.File(f.to)
		file, err := os.OpenFile(f.to, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // now somebody looks
		if err != nil {
			return cli.Faultf("records of executions cannot be written: %v", err)
		}
		return file.Close()
	}
	return nil
}

func (f *telemetryFlags) checkURL() error {
	if u, err := url.Parse(f.to); err != nil || u.Host == "" {
		return cli.Usagef("--telemetry %s is no URL", f.to)
	}
	header := http.Header{}
	for line := range strings.SplitSeq(os.Getenv(telemetryHeaders), ",") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return cli.Usagef("%s is not of the form NAME=VALUE,NAME=VALUE", telemetryHeaders)
		}
		header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	f.sink = telemetry.HTTP{URL: f.to, Header: header}
	return nil
}

// options are those of the engine; nil for no records.
func (f *telemetryFlags) options() *engine.Telemetry {
	if f.sink == nil {
		return nil
	}
	return &engine.Telemetry{Config: f.Config, Sink: f.sink}
}
