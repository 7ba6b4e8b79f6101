package main

import (
	"errors"
	"flag"
	"net/url"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

// filterFlags say which executions a verb is about. They are the members of a filter in a URL, so that a command, a
// page and a request say the same.
type filterFlags struct{ values url.Values }

func (f *filterFlags) define(fs *flag.FlagSet) {
	f.values = url.Values{}
	add := func(name, key, usage string) {
		fs.Func(name, usage, func(s string) error { return f.add(key, s) })
	}
	add("status", "Status", "only executions with this `STATUS`, such as RUNNING or FAILED; several with commas")
	add("doing", "Doing", "only executions that do `WHAT`")
	add("longer-than", "LongerThan", "only executions that have been doing what they do for `TIME`")
	add("name", "Name", "only executions with this `NAME`, in which * stands for any text")
	add("version", "Qualifier", "only executions of this `VERSION`, or of an alias's")
	add("error", "Error", "only executions that ended with an error of this `TYPE`; - for errors without one")
	add("redriven", "Redriven", "`yes`: only executions of which a redrive was made; no: only others")
	add("tag", "Tag", "only executions with this tag, `KEY=VALUE`; may repeat, for executions with all of them")
	add("started-after", "StartedAfter", "only executions that started after this `MOMENT`")
	add("started-before", "StartedBefore", "only executions that started before this `MOMENT`")
}

// add takes one value of a flag.
func (f *filterFlags) add(key, value string) error {
	one := url.Values{key: {value}}
	if _, err := engine.ParseFilter(one, time.Now()); err != nil {
		return errors.New(strings.TrimPrefix(bare(err).Error(), key+" "))
	}
	f.values[key] = append(f.values[key], value)
	return nil
}

// filter returns what the flags say. Dates without a zone are local, and ages count back from now.
func (f *filterFlags) filter() (engine.Filter, error) {
	filter, err := engine.ParseFilter(f.values, time.Now())
	if err != nil {
		err = cli.Usagef("%v", bare(err))
	}
	return filter, err
}

// tagFlag adds tags to a map.
func tagFlag(into *map[string]string) func(string) error {
	return func(s string) error {
		key, value, ok := strings.Cut(s, "=")
		if _, twice := (*into)[key]; !ok || twice {
			return errors.New("a tag is wanted as KEY=VALUE, each key once")
		}
		if *into == nil {
			*into = map[string]string{}
		}
		(*into)[key] = value
		if err := engine.CheckTags(*into); err != nil {
			return bare(err)
		}
		return nil
	}
}

// bare is an error without the code that it has for clients of the API.
func bare(err error) error {
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return errors.New(refusal.Message)
	}
	return err
}
