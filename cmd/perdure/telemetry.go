package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/telemetry"
)

// telemetryFlags say which records of executions an engine makes, and for whom.
type telemetryFlags struct {
	to   string // empty: there are none
	sink telemetry.Sink
	telemetry.Config
	set bool // one of the others was given
}

// telemetryHeaders is the variable with the headers of requests that deliver
// records: what is secret does not belong into a command line.
const telemetryHeaders = "PERDURE_TELEMETRY_HEADERS"

func (f *telemetryFlags) define(fs *flag.FlagSet) {
	f.Emit, f.Detail, f.Format, f.Sampling, f.Limit = telemetry.OnComplete, telemetry.TopLevel, telemetry.Array, 1, telemetry.DefaultLimit
	fs.StringVar(&f.to, "telemetry", "", "`FILE`, URL, or - for the standard output, that gets a record of each execution that ends")
	given := func(name, usage string, set func(string) error) {
		fs.Func(name, usage, func(s string) error { f.set = true; return set(s) })
	}
	text := func(to interface{ UnmarshalText([]byte) error }) func(string) error {
		return func(s string) error { return to.UnmarshalText([]byte(s)) }
	}
	given("telemetry-emit", "`WHEN` there are records: on-complete, on-failure or on-change (on-complete)", text(&f.Emit))
	given("telemetry-detail", "`WHICH` operations are in records: top-level or full-tree (top-level)", text(&f.Detail))
	given("telemetry-format", "`HOW` operations are in records: array, by-name or both (array)", text(&f.Format))
	given("telemetry-sampling", "`PART` of all executions that there are records of, above 0 and at most 1 (1)", above0(&f.Sampling))
	given("telemetry-limit", "greatest size of a record in `BYTES` (256000)", above0(&f.Limit))
	given("telemetry-omit", "`WHAT` is in no record: input, output or errors (of operations); may be repeated", f.omit)
	given("telemetry-exclude", "`NAME` of operations that are in no record; may be repeated", func(s string) error {
		f.Exclude = append(f.Exclude, s)
		return nil
	})
	given("telemetry-result", "`NAME` of operations whose results are in records; may be repeated", func(s string) error {
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
		return cli.Usagef("the flags --telemetry-… say what is in records, but nobody gets any").Hintf("say who, such as --telemetry records.jsonl")
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
		file, err := os.OpenFile(f.to, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // now is when somebody looks
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
